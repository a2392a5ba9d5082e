import { spellUuid } from "@parlance/protocol/ids.ts";
import type { Message, Metadata } from "@parlance/protocol/model.ts";
import { plainText } from "@parlance/protocol/plain-text.ts";
import type { InboxEntry, MessageState } from "@parlance/protocol/queries.ts";

export const conversationId = (id: number): string => spellUuid("conversation", id);
export const messageId = (id: number): string => spellUuid("message", id);
export const timeOf = (ms: number): string => new Date(ms).toISOString();

/** Under this name a message's metadata holds its `media_url`. */
export const MEDIA_URL = "media_url";

export function mediaUrlOf(metadata: Metadata | null): string | null {
  const url = metadata?.[MEDIA_URL];
  return typeof url === "string" ? url : null;
}

/** A message as everybody may see it, in whatever state it is. */
export function messageShape(message: Message) {
  return {
    id: messageId(message.id),
    conversation_id: conversationId(message.conversationId),
    sender_id: message.senderId,
    sender_name: message.senderName,
    content: plainText(message),
    message_type: message.type,
    media_url: mediaUrlOf(message.metadata),
    created_at: timeOf(message.createdAt),
    seq: message.seq,
  };
}

/** What a changed message has beside that. */
export function changesShape({ rev, editedAt, deletedAt }: Message) {
  return {
    rev,
    edited_at: editedAt === null ? null : timeOf(editedAt),
    deleted_at: deletedAt === null ? null : timeOf(deletedAt),
  };
}

export function pageMessage(message: Message, state: MessageState) {
  return { ...messageShape(message), status: state, ...changesShape(message) };
}

/** A conversation in a person's list. */
export function listEntry({ head, lastMessage, lastMessageAt, unread }: InboxEntry) {
  const { conversation, participants } = head;
  return {
    id: conversationId(conversation.id),
    request_match_id: conversation.externalRef,
    last_message_at: lastMessage === null ? null : timeOf(lastMessageAt),
    participants: participants.map(({ userId, userName }) => ({ id: userId, name: userName })),
    last_message:
      lastMessage === null ? null : { content: plainText(lastMessage), sender_id: lastMessage.senderId },
    created_at: timeOf(conversation.createdAt),
    unread,
    seq: conversation.clock,
  };
}

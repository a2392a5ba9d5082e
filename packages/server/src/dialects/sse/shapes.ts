import type { Message } from "@parlance/protocol/model.ts";
import { plainText } from "@parlance/protocol/plain-text.ts";
import type { InboxEntry } from "@parlance/protocol/queries.ts";
import { BOT_USER_ID } from "@parlance/protocol/user-id.ts";

/** A message as the document has it, then what is added to it. */
export function messageShape(message: Message) {
  const { senderId } = message;
  return {
    id: message.id,
    chat_id: message.conversationId,
    author: senderId === BOT_USER_ID ? "bot" : "user",
    text: plainText(message),
    sent_at: timeText(message.createdAt),
    idempotency_key: message.idempotencyKey ?? "",
    sender_id: senderId,
    sender_name: message.senderName,
    seq: message.seq,
    rev: message.rev,
    edited_at: message.editedAt === null ? null : timeText(message.editedAt),
    deleted_at: message.deletedAt === null ? null : timeText(message.deletedAt),
  };
}

/** @param userId whose list it is: a conversation without a name has that of the others in it */
export function chatShape({ head }: InboxEntry, userId: string) {
  const { conversation, participants } = head;
  const others = participants.filter((participant) => participant.userId !== userId);
  const people = others.length === 0 ? participants : others;
  return {
    id: conversation.id,
    name: conversation.name ?? people.map((person) => person.userName ?? person.userId).join(", "),
  };
}

/** What is said of joins and renames has no place in this document. */
export const isShown = (message: Message): boolean => message.type !== "system";

const timeText = (at: number): string => new Date(at).toISOString();

/** What is told and never asked for: bodies that this dialect's REST has no word for. */

import type { ErrorCode, Refusal } from "@parlance/protocol/errors.ts";
import type {
  ConversationChanged,
  MessageStored,
  MessageUpdated,
  ReactionChanged,
  TypingSignal,
} from "@parlance/protocol/events.ts";
import type { Marks } from "@parlance/protocol/model.ts";
import type { InboxEntry } from "@parlance/protocol/queries.ts";
import { errorText } from "../envelope.ts";
import { spellUserId } from "../ids.ts";
import { timeOf } from "../shapes/common.ts";
import { participantOf, personalOf, sharedConversationOf } from "../shapes/conversations.ts";
import { messageOf, reactionChangeOf } from "../shapes/messages.ts";

export function typingOf({ conversationId, userId, userName, typing }: TypingSignal) {
  return { conversationId, userId: spellUserId(userId), userName, typing };
}

export function receiptBroadcastOf(
  conversationId: number,
  { userId, userName, readMessageId, readAt }: Marks,
) {
  return {
    conversationId,
    userId: spellUserId(userId),
    userName,
    lastReadMessageId: readMessageId,
    readAt: readAt === null ? null : timeOf(readAt),
  };
}

export function reactionOf(event: ReactionChanged) {
  return { ...reactionChangeOf(event), seq: event.seq };
}

/** How many of each there are now, where who set or took away what is no longer known. */
export function reactionStateOf({ seq, conversationId, message }: MessageStored | MessageUpdated) {
  return {
    messageId: message.id,
    conversationId,
    userId: null,
    userName: null,
    emoji: null,
    added: null,
    summary: message.reactions ?? {},
    seq,
  };
}

export function messageUpdateOf(event: MessageStored | MessageUpdated) {
  const { seq, conversationId, message } = event;
  const change = event.type === "message.updated" ? event.change : undefined;
  const type =
    message.deletedAt !== null
      ? "message.deleted"
      : change === "pin" || change === "unpin"
        ? "message.pinned"
        : "message.updated";
  return { type, conversationId, seq, message: messageOf(message, null) };
}

/** One of them for each change, whatever it changed: a client that has it has all of that tick. */
export function conversationUpdateOf(event: ConversationChanged, maxFileSizeMb: number) {
  const { seq, conversationId, head, created, deleted, added, updated, removed } = event;
  return {
    type: typeOf(event),
    conversationId,
    seq,
    created,
    deleted,
    added: added.map(participantOf),
    updated: updated.map(participantOf),
    removed: removed.map(spellUserId),
    conversation: sharedConversationOf(head, maxFileSizeMb),
  };
}

function typeOf({ created, added, updated, removed }: ConversationChanged): string {
  if (removed.length > 0) return "participant.removed";
  if (added.length > 0 && !created) return "participant.added";
  return updated.length > 0 ? "participant.updated" : "conversation.updated";
}

/** A conversation with what is its listener's own in it. */
export function entryUpdateOf(entry: InboxEntry, maxFileSizeMb: number) {
  const { head } = entry;
  return {
    type: "conversation.updated",
    conversationId: head.conversation.id,
    seq: head.conversation.clock,
    conversation: {
      ...sharedConversationOf(head, maxFileSizeMb),
      ...personalOf(entry, null),
    },
  };
}

/** A position that is not one of ours. */
export const INVALID_POSITION = "INVALID_POSITION";

export function errorOf(
  refusal: Refusal,
  code: ErrorCode | typeof INVALID_POSITION,
  about: { readonly tempId: string | undefined; readonly receipt: string | undefined },
) {
  return {
    error: errorText(refusal),
    code: code.toUpperCase(),
    ...(about.tempId !== undefined && { tempId: about.tempId }),
    ...(about.receipt !== undefined && { receipt: about.receipt }),
    ...(refusal.retryAfter !== undefined && { retryAfter: refusal.retryAfter }),
  };
}

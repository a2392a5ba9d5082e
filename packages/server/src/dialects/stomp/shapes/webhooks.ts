import type { WebhookEvent } from "@parlance/protocol/webhooks.ts";
import { spellUserId } from "../ids.ts";
import { timeOf } from "./common.ts";
import { participantOf, sharedConversationOf } from "./conversations.ts";
import { messageOf, reactionChangeOf } from "./messages.ts";

/**
 * What a webhook's `data` holds beside `conversationId` and `seq`.
 * @param maxFileSizeMb the server's own limit
 */
export function webhookDataOf(event: WebhookEvent, maxFileSizeMb: number): object {
  switch (event.type) {
    case "chat_message.sent":
    case "chat_message.updated":
    case "chat_message.deleted":
      return messageOf(event.message, null);
    case "chat_message.reaction":
      return reactionChangeOf(event);
    case "chat_conversation.created":
    case "chat_conversation.updated":
      return { ...sharedConversationOf(event.head, maxFileSizeMb), isDeleted: event.deleted };
    case "chat_participant.added":
      return participantOf(event.participant);
    case "chat_participant.removed":
      return { userId: spellUserId(event.userId), userName: event.userName };
    case "chat_receipt.read":
      return {
        userId: spellUserId(event.userId),
        userName: event.userName,
        lastReadMessageId: event.lastReadMessageId,
        readAt: timeOf(event.readAt),
      };
  }
}

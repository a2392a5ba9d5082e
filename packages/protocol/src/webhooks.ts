/** Endpoints of others that are told of events by HTTP. */
import type { ConversationHead, Message, Participant } from "./model.ts";

export const WEBHOOK_EVENTS = [
  "chat_message.sent",
  "chat_message.updated",
  "chat_message.deleted",
  "chat_message.reaction",
  "chat_conversation.created",
  "chat_conversation.updated",
  "chat_participant.added",
  "chat_participant.removed",
  "chat_receipt.read",
] as const;
export type WebhookEventType = (typeof WEBHOOK_EVENTS)[number];

/** All of them, also such as come with later versions: `["*"]`. */
export type WebhookWish = readonly (WebhookEventType | "*")[];

/** Why nothing is sent: asked for, answered 410, nothing taken for a day, too much waiting. */
export type DisabledReason = "request" | "gone" | "failing" | "backlog";

export interface Webhook {
  readonly id: number;
  readonly url: string;
  readonly events: WebhookWish;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly disabledAt: number | null;
  readonly disabledReason: DisabledReason | null;
  /** Since when it has taken nothing; null while it takes. */
  readonly failingSince: number | null;
}

export interface WebhookDelivery {
  readonly id: number;
  readonly webhookId: number;
  /** The `webhook-id` of all its tries. */
  readonly eventId: string;
  readonly eventType: WebhookEventType;
  readonly conversationId: number;
  readonly seq: number;
  readonly state: "pending" | "delivered" | "failed";
  readonly attempts: number;
  readonly createdAt: number;
  readonly lastAt: number | null;
  /** The status of the last answer; null where there was none. */
  readonly lastStatus: number | null;
  /** The beginning of it, or why there was none. */
  readonly lastAnswer: string | null;
}

interface Told {
  readonly id: string;
  /** When it happened. */
  readonly at: number;
  readonly conversationId: number;
  /** Its tick; of a receipt, up to where was read. */
  readonly seq: number;
}

/** What an endpoint is told, with the message or conversation as it is when that is sent. */
export type WebhookEvent = Told &
  (
    | {
        readonly type: "chat_message.sent" | "chat_message.updated" | "chat_message.deleted";
        readonly message: Message;
      }
    | {
        readonly type: "chat_message.reaction";
        readonly message: Message;
        readonly userId: string;
        readonly userName: string | null;
        readonly emoji: string;
        readonly added: boolean;
      }
    | {
        readonly type: "chat_conversation.created" | "chat_conversation.updated";
        readonly head: ConversationHead;
        /** For everyone. */
        readonly deleted: boolean;
      }
    | { readonly type: "chat_participant.added"; readonly participant: Participant }
    | {
        readonly type: "chat_participant.removed";
        readonly userId: string;
        readonly userName: string | null;
      }
    | {
        readonly type: "chat_receipt.read";
        readonly userId: string;
        readonly userName: string | null;
        readonly lastReadMessageId: number | null;
        readonly readAt: number;
      }
  );

/**
 * What the door takes: commands may be refused and change something, queries change nothing. Ids are
 * numbers here: spelling them is a dialect's business.
 */
import type {
  Attachment,
  ConversationSettings,
  Message,
  MessageType,
  Metadata,
  Preferences,
  Role,
  Status,
  UserCard,
} from "./model.ts";
import type { Webhook, WebhookWish } from "./webhooks.ts";

export interface SendMessage {
  readonly type: "send-message";
  readonly conversationId: number;
  readonly senderId: string;
  readonly idempotencyKey: string | null;
  /** Null: what its attachments make it, `image` where all are images, else `file`; without any, `text`. */
  readonly messageType: Exclude<MessageType, "system"> | null;
  /** May be empty, or white space, where there are attachments. */
  readonly content: string;
  readonly parentId: number | null;
  readonly metadata: Metadata | null;
  /** Files the sender has uploaded and not used yet, in the order they are shown; all of them go with it or none. */
  readonly attachmentIds?: readonly string[];
  readonly clientTime: number | null;
  /** The session it came in on, if any: that one gets the ack and not the event. */
  readonly origin?: string;
}

/** Committed and synced to disk. A repeat of a key gives the first result with `duplicate`. */
export interface Stored {
  readonly conversationId: number;
  readonly id: number;
  readonly seq: number;
  readonly at: number;
  readonly duplicate: boolean;
}

/** A message from one person to another, in the direct conversation that they have or get by it. */
export interface QueueMessage {
  readonly type: "queue-message";
  readonly senderId: string;
  /** The sender itself: a note. */
  readonly receiverId: string;
  readonly content: string;
  readonly idempotencyKey: string | null;
}

/** Synced to disk, and certain to be stored; whether it is yet is not said. A repeat of a key gives the first id. */
export interface Queued {
  readonly id: number;
  readonly duplicate: boolean;
}

/** Keeps a file until a message of its uploader uses it; one that none uses is removed after a while. */
export interface UploadAttachment {
  readonly type: "upload-attachment";
  readonly fileName: string;
  /** What its sender says it is: refused where the content is something else. Null: says nothing. */
  readonly contentType: string | null;
  /** Read to its end or left, never kept; may throw a `Refusal` of its own. */
  readonly content: AsyncIterable<Uint8Array>;
}

export interface EditMessage {
  readonly type: "edit-message";
  readonly conversationId: number;
  readonly messageId: number;
  readonly content: string;
}

export interface DeleteMessage {
  readonly type: "delete-message";
  readonly conversationId: number;
  readonly messageId: number;
}

export interface React {
  readonly type: "react";
  readonly conversationId: number;
  readonly messageId: number;
  /** One emoji, or the `:shortcode:` of a common one. */
  readonly emoji: string;
  /** `toggle`: takes it away where it is there. */
  readonly add: boolean | "toggle";
}

/** How it is after the command, whether or not that changed anything. */
export interface Reacted extends MessageChanged {
  readonly userId: string;
  readonly userName: string | null;
  /** As it is kept. */
  readonly emoji: string;
  readonly added: boolean;
}

/** Pins a message in its conversation, for everybody, or takes the pin away. */
export interface PinMessage {
  readonly type: "pin-message";
  readonly conversationId: number;
  readonly messageId: number;
  readonly pin: boolean;
}

export interface MessageChanged {
  readonly message: Message;
  /** False when it already was so: nothing ticked and nobody is told. */
  readonly changed: boolean;
}

export interface OpenConversation {
  readonly type: "open-conversation";
  /** The people in it; the caller is added if missing. */
  readonly userIds: readonly string[];
  /** Given, or more than two people: a new group. Otherwise the one direct conversation of the two. */
  readonly name: string | null;
  /** True: a new group, whoever is in it. */
  readonly isGroup?: boolean;
  /** These three of groups only. */
  readonly description?: string | null;
  readonly avatarUrl?: string | null;
  readonly settings?: Partial<ConversationSettings>;
  /** For groups: the same caller and key find the group that the first call made. */
  readonly idempotencyKey: string | null;
  /**
   * A name from another system: whoever opens it by the same name finds the same conversation, which is no pair's
   * direct one. With other people than those it was made with: `conflict`.
   */
  readonly externalRef?: string;
}

export interface Opened {
  readonly conversationId: number;
  readonly created: boolean;
}

export interface AddParticipants {
  readonly type: "add-participants";
  readonly conversationId: number;
  readonly userIds: readonly string[];
}

/**
 * Of oneself: to leave. Who leaves a direct conversation stays in it, and has it out of their list until the next
 * message.
 */
export interface RemoveParticipant {
  readonly type: "remove-participant";
  readonly conversationId: number;
  readonly userId: string;
}

/**
 * There may be several owners. Ownership is handed over by making another owner, and then leaving or lowering one's
 * own role; the last owner can do neither while others stay.
 */
export interface SetRole {
  readonly type: "set-role";
  readonly conversationId: number;
  readonly userId: string;
  readonly role: Role;
}

export interface UpdateConversation {
  readonly type: "update-conversation";
  readonly conversationId: number;
  readonly name?: string | null;
  readonly description?: string | null;
  readonly avatarUrl?: string | null;
  readonly settings?: Partial<ConversationSettings>;
}

/** For everyone: all are told, and nothing of it can be read any more. */
export interface DeleteConversation {
  readonly type: "delete-conversation";
  readonly conversationId: number;
}

/** The caller's own; what is not named stays. Takes no tick. */
export interface SetPreferences extends Partial<Preferences> {
  readonly type: "set-preferences";
  readonly conversationId: number;
}

/** Between the two there are no direct messages and no presence from then on; groups are as they were. */
export interface BlockUser {
  readonly type: "block-user";
  readonly userId: string;
  /** False: unblock. */
  readonly blocked: boolean;
}

/** The caller's own; what is not named stays. */
export interface SetProfile {
  readonly type: "set-profile";
  /** Null: the name the token gives. */
  readonly name?: string | null;
  readonly avatarUrl?: string | null;
}

/** For operators and services: a deactivated user's requests are refused and their connections ended. */
export interface DeactivateUser {
  readonly type: "deactivate-user";
  readonly userId: string;
  /** False: active again. */
  readonly deactivated: boolean;
}

/** `changed` false: it already was so. */
export interface Changed {
  readonly seq: number;
  readonly changed: boolean;
}

export interface MarkRead {
  readonly type: "mark-read";
  readonly conversationId: number;
  /** Up to and including this message; null: everything there is. */
  readonly messageId: number | null;
}

export interface MarkMessageRead {
  readonly type: "mark-message-read";
  /** This one alone, whatever stands unread before it. */
  readonly messageId: number;
}

export interface MessageRead {
  /** Who has read it: the caller, or of one that named nobody the receiver. */
  readonly userId: string;
}

/**
 * Counts this message and what came after it as unread by the caller again, until the caller reads up to there. Marks
 * and receipts, and so what others see, stay as they are.
 */
export interface MarkUnread {
  readonly type: "mark-unread";
  readonly conversationId: number;
  readonly messageId: number;
}

export interface SetTyping {
  readonly type: "set-typing";
  readonly conversationId: number;
  readonly typing: boolean;
}

/** The status a person chooses. It stays until they choose another, whatever their devices do; `offline`: appears so. */
export interface SetStatus {
  readonly type: "set-status";
  readonly status: Status;
}

/** What a connection says of the device at its end. It holds for this connection, and ends with it. */
export interface ReportDevice {
  readonly type: "report-device";
  readonly sessionId: string;
  /** False: it appears not to be connected; whoever has no other device appears offline. */
  readonly online: boolean;
  /** What it is, to others too: `web`, `mobile`. Absent: as before; null: not said. */
  readonly deviceType?: string | null;
}

/**
 * The device at the end of a connection is in use. Of a connection that has once said so this is expected again before
 * PRESENCE_STALE_MINUTES are over; until it is said it then counts as gone. Cheap: may be said with each frame.
 */
export interface RefreshDevice {
  readonly type: "refresh-device";
  readonly sessionId: string;
}

/** What an endpoint that is told of events is set to. */
export interface WebhookSettings {
  /** `https://` or `http://`, without credentials. */
  readonly url: string;
  /** What it is told of. */
  readonly events: WebhookWish;
  /** `whsec_` and base64 of 24 to 64 bytes. */
  readonly secret: string;
}

/** Made with a secret of ours where none is given. */
export interface CreateWebhook extends Omit<WebhookSettings, "secret"> {
  readonly type: "create-webhook";
  readonly secret: string | null;
}

/**
 * What is left out stays. Another secret is signed with beside the one before, for a day; null makes one. Where it was
 * disabled, `enabled` lets it hear of what happens from now on.
 */
export interface UpdateWebhook extends Partial<Omit<WebhookSettings, "secret">> {
  readonly type: "update-webhook";
  readonly webhookId: number;
  readonly secret?: string | null;
  readonly enabled?: boolean;
}

/** With its log of deliveries. */
export interface DeleteWebhook {
  readonly type: "delete-webhook";
  readonly webhookId: number;
}

/** Tries a delivery again, whatever became of it, with a schedule of its own. */
export interface ReplayDelivery {
  readonly type: "replay-delivery";
  readonly webhookId: number;
  readonly deliveryId: number;
}

/** A webhook, and its secret where that has just been set: it is shown this once. */
export interface WebhookSet {
  readonly webhook: Webhook;
  readonly secret: string | null;
}

/** What a person has not read of a conversation. */
export interface UnreadCounts {
  readonly unread: number;
  /** Of these, those that name the person. */
  readonly unreadMentions: number;
}

/** Each command with its result. */
export interface Commands {
  "send-message": [SendMessage, Stored];
  "queue-message": [QueueMessage, Queued];
  "upload-attachment": [UploadAttachment, Attachment];
  "edit-message": [EditMessage, MessageChanged];
  "delete-message": [DeleteMessage, MessageChanged];
  react: [React, Reacted];
  "pin-message": [PinMessage, MessageChanged];
  "open-conversation": [OpenConversation, Opened];
  "add-participants": [AddParticipants, Changed];
  "remove-participant": [RemoveParticipant, Changed];
  "set-role": [SetRole, Changed];
  "update-conversation": [UpdateConversation, Changed];
  "delete-conversation": [DeleteConversation, Changed];
  "set-preferences": [SetPreferences, Preferences];
  "block-user": [BlockUser, { readonly changed: boolean }];
  "set-profile": [SetProfile, UserCard];
  "deactivate-user": [DeactivateUser, { readonly changed: boolean }];
  "mark-read": [MarkRead, { readonly readSeq: number }];
  "mark-message-read": [MarkMessageRead, MessageRead];
  "mark-unread": [MarkUnread, UnreadCounts];
  "set-typing": [SetTyping, undefined];
  "set-status": [SetStatus, undefined];
  "report-device": [ReportDevice, undefined];
  "refresh-device": [RefreshDevice, undefined];
  "create-webhook": [CreateWebhook, WebhookSet];
  "update-webhook": [UpdateWebhook, WebhookSet];
  "delete-webhook": [DeleteWebhook, undefined];
  "replay-delivery": [ReplayDelivery, undefined];
}
export type CommandName = keyof Commands;
export type Command = Commands[CommandName][0];
export type ResultOf<C extends Command> = Commands[C["type"]][1];

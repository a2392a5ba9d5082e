import type {
  Attachment,
  ConversationHead,
  Message,
  ParticipantDetail,
  Preferences,
  Status,
  UserCard,
} from "./model.ts";
import type { Webhook, WebhookDelivery } from "./webhooks.ts";

/** A page of a conversation's messages: of `before`, `after` and `around` at most one is given. */
export interface ReadHistory {
  readonly type: "read-history";
  readonly conversationId: number;
  /** Exclusive: only what stands before it; null: from the newest. */
  readonly before: MessageReference | null;
  /** Exclusive: what stands after it, those nearest to it. */
  readonly after?: MessageReference;
  /** Inclusive: the message with as many before it as after it, as far as there are. */
  readonly around?: MessageReference;
  readonly limit: number;
}

export interface HistoryPage {
  /** Newest first. */
  readonly messages: readonly Message[];
  /** Whether there are older ones than these. */
  readonly more: boolean;
  /** Whether there are newer ones than these. */
  readonly moreNewer: boolean;
}

/** The direct replies to a message, oldest first. */
export interface ReadThread {
  readonly type: "read-thread";
  readonly conversationId: number;
  readonly messageId: number;
  /** The seq of the reply after which to go on; null: from the first. */
  readonly after: number | null;
  readonly limit: number;
}

export interface ThreadPage {
  readonly parent: Message;
  readonly replies: readonly Message[];
  readonly more: boolean;
}

/** What is pinned in a conversation, last pinned first; at most MAX_PINS. */
export interface ReadPins {
  readonly type: "read-pins";
  readonly conversationId: number;
}

/** The texts that a message had before its edits, oldest first; none of a deleted one. */
export interface ReadEdits {
  readonly type: "read-edits";
  readonly conversationId: number;
  readonly messageId: number;
  /** The `rev` of the text after which to go on; null: from the first. */
  readonly after: number | null;
  readonly limit: number;
}

export interface EarlierText {
  /** The message's rev while it had this text last. */
  readonly rev: number;
  readonly content: string;
  readonly replacedAt: number;
}

export interface EditsPage {
  readonly edits: readonly EarlierText[];
  readonly more: boolean;
}

/** Who reacted to a message, with what and when, the earliest first. */
export interface ReadReactions {
  readonly type: "read-reactions";
  readonly conversationId: number;
  readonly messageId: number;
  readonly after: Pick<Reaction, "createdAt" | "userId" | "emoji"> | null;
  readonly limit: number;
}

export interface Reaction {
  readonly userId: string;
  readonly userName: string | null;
  readonly emoji: string;
  readonly createdAt: number;
}

/** With what the caller has reacted to these messages; those without a reaction of theirs are left out. */
export interface ReadOwnReactions {
  readonly type: "read-own-reactions";
  readonly messages: readonly { readonly conversationId: number; readonly messageId: number }[];
}

export interface OwnReactions {
  readonly messageId: number;
  /** The earliest first. */
  readonly emoji: readonly string[];
}

export interface ReactionsPage {
  readonly reactions: readonly Reaction[];
  readonly more: boolean;
}

/** Which of those who take part now have read a message, and when, by user id; its sender is not among them. */
export interface ReadReceipts {
  readonly type: "read-receipts";
  readonly conversationId: number;
  readonly messageId: number;
  /** The user id after which to go on; null: from the first. */
  readonly after: string | null;
  readonly limit: number;
}

export interface ReadBy {
  readonly userId: string;
  readonly userName: string | null;
  readonly readAt: number;
}

export interface ReceiptsPage {
  readonly receipts: readonly ReadBy[];
  readonly more: boolean;
}

/**
 * A message of which no more than its id is known. It has to be looked for in all conversations, so it is for what is
 * asked rarely; `not_found` also where the caller may not know of it.
 */
export interface LocateMessage {
  readonly type: "locate-message";
  readonly messageId: number;
}

/**
 * A message of the caller's own, right after it was sent: also to one who has been let out since, for it was stored.
 */
export interface ReadSent {
  readonly type: "read-sent";
  readonly conversationId: number;
  readonly messageId: number;
}

/** A message by its id, or by the key it was sent with, which is unique by sender only. */
export type MessageReference = { readonly id: number } | { readonly key: string };

/**
 * Which of a person's conversations: `active` ones are those not archived, `pinned` the pinned among them. Direct
 * conversations that were left are in none until their next message.
 */
export type InboxList = "active" | "archived" | "pinned" | "all";

/** A person's conversations, most recent activity first. */
export interface ReadInbox {
  readonly type: "read-inbox";
  readonly userId: string;
  /** Absent: `active`. */
  readonly list?: InboxList;
  /** Only groups with this in their name, whatever its case and accents. */
  readonly named?: string;
  readonly limit: number;
  readonly after: { readonly at: number; readonly conversationId: number } | null;
}

export interface InboxPage {
  readonly entries: readonly InboxEntry[];
  readonly next: { readonly at: number; readonly conversationId: number } | null;
}

/** One conversation as its place in somebody's list shows it. */
export interface InboxEntry {
  readonly head: ConversationHead;
  readonly lastMessage: Message | null;
  readonly lastMessageAt: number;
  readonly unread: number;
  /** Of the unread ones, those that name the person. */
  readonly unreadMentions: number;
  readonly muted: boolean;
  readonly pinned: boolean;
  readonly archived: boolean;
  readonly level: Preferences["level"];
  /** A direct conversation that the person has left: out of every list until the next message. */
  readonly hidden: boolean;
  /** A direct conversation whose other person this one has blocked; false to the blocked. */
  readonly blocked: boolean;
}

/** What is unread in each of the caller's conversations. */
export interface ReadUnread {
  readonly type: "read-unread";
}

export interface UnreadList {
  readonly total: number;
  /** Those with something unread, in no order. Archived and muted ones too; not those that are hidden. */
  readonly conversations: readonly {
    readonly conversationId: number;
    readonly unread: number;
    readonly unreadMentions: number;
  }[];
}

/** The people of a conversation, longest in it first, with how far each has come. */
export interface ReadParticipants {
  readonly type: "read-participants";
  readonly conversationId: number;
  readonly after: ParticipantPlace | null;
  readonly limit: number;
}

export interface ParticipantPlace {
  readonly joinedSeq: number;
  readonly userId: string;
}

/** As the caller sees them now. */
export interface SeenParticipant extends ParticipantDetail {
  readonly online: boolean;
}

export interface ParticipantsPage {
  readonly participants: readonly SeenParticipant[];
  readonly next: ParticipantPlace | null;
}

/**
 * The people of several conversations at once, of each as many as its head names; conversations that the caller takes
 * no part in are left out.
 */
export interface ReadPeople {
  readonly type: "read-people";
  readonly conversationIds: readonly number[];
}

export interface ConversationPeople {
  readonly conversationId: number;
  readonly participants: readonly SeenParticipant[];
}

/** The users one may pick from, by name. Not those who are deactivated. */
export interface FindUsers {
  readonly type: "find-users";
  /** In the name or id, whatever its case and accents; empty: everybody. */
  readonly text: string;
  readonly after: UserPlace | null;
  readonly limit: number;
}

/** A place in the order of names as they are compared. */
export interface UserPlace {
  readonly sortName: string;
  readonly id: string;
}

export interface UsersPage {
  readonly users: readonly UserCard[];
  readonly next: UserPlace | null;
}

/** These users, in the order asked; those who are unknown are left out. */
export interface ReadUsers {
  readonly type: "read-users";
  readonly userIds: readonly string[];
}

/** Whom the caller has blocked, the latest first. */
export interface ReadBlocks {
  readonly type: "read-blocks";
}

export interface Block {
  readonly user: UserCard;
  readonly at: number;
}

/** Who is here, in the order asked: who shares no conversation with the caller, or is blocked either way, reads as offline. */
export interface ReadPresence {
  readonly type: "read-presence";
  readonly userIds: readonly string[];
}

export interface UserPresence {
  readonly userId: string;
  readonly name: string | null;
  readonly status: Status;
  /** Epoch milliseconds; null of who is here, or never was. */
  readonly lastSeenAt: number | null;
  /** Of the devices they have here, the type that was said last; null where none was said, and of who is offline. */
  readonly deviceType: string | null;
}

/**
 * Who is here of those whose presence the caller is told: who share a conversation with them that is small enough for
 * that, without the caller and who is blocked either way. By user id.
 */
export interface ReadOnline {
  readonly type: "read-online";
  /** The user id after which to go on; null: from the first. */
  readonly after: string | null;
  readonly limit: number;
}

export interface OnlinePage {
  /** May be fewer than `limit`, or none, though there are more. */
  readonly people: readonly UserPresence[];
  /** The user id after which to go on; null: these were the last. */
  readonly next: string | null;
}

/** The caller's own entries of these conversations; those it takes no part in are left out. */
export interface ReadEntries {
  readonly type: "read-entries";
  readonly conversationIds: readonly number[];
  /** Heads of more than `FEW_PARTICIPANTS` come without any: whoever asks knows who takes part. */
  readonly few?: boolean;
}

/** The message that a reference means; `not_found`, or `invalid` where a key means two. */
export interface FindMessage {
  readonly type: "find-message";
  readonly conversationId: number;
  readonly reference: MessageReference;
}

/** The direct conversation of two people, or of one with itself (named twice); null where there is none. */
export interface FindDirect {
  readonly type: "find-direct";
  readonly userIds: readonly [string, string];
}

/** A page counted back from the newest message, for clients that page by offset. SYSTEM messages are not in it. */
export interface ReadPage {
  readonly type: "read-page";
  readonly conversationId: number;
  /** How many of the newest to skip. */
  readonly offset: number;
  readonly limit: number;
}

export interface CountedPage {
  /** Newest first. */
  readonly messages: readonly { readonly message: Message; readonly state: MessageState }[];
  /** All there are, deleted ones too, that the caller may see. */
  readonly total: number;
}

/**
 * How far a message has come: `delivered` and `read` once it is so with everybody else in the conversation; of
 * somebody who is alone in it, with themselves.
 */
export type MessageState = "sent" | "delivered" | "read";

/** How far a conversation that the caller takes part in has come; `not_participant` of any other. */
export interface ReadClock {
  readonly type: "read-clock";
  readonly conversationId: number;
}

/** Messages with attachments, newest first. */
export interface ReadFiles {
  readonly type: "read-files";
  readonly conversationId: number;
  /** Exclusive; null: from the newest. */
  readonly before: MessageReference | null;
  readonly limit: number;
}

/** One file of a message that the caller may see, else `not_found`. */
export interface OpenAttachment {
  readonly type: "open-attachment";
  readonly attachmentId: string;
  readonly variant: AttachmentVariant;
}

export type AttachmentVariant = "file" | "thumbnail";

export interface OpenedAttachment {
  readonly attachment: Attachment;
  /** Of the variant asked for, as is `size`. */
  readonly contentType: string;
  readonly size: number;
  /** The bytes from `first` to `last`, both in it. */
  read(range: { readonly first: number; readonly last: number }): Promise<AsyncIterable<Uint8Array>>;
  /**
   * Where the file store itself gives it out, for a minute, under these headers; null where it does not.
   */
  link(headers: {
    readonly contentType: string;
    readonly contentDisposition: string;
  }): Promise<string | null>;
}

/**
 * What was said with these words, newest first: all of the words, in any order, whatever their case and accents; words
 * between double quotes as they follow one another; the last word may be unfinished. Only messages that the caller may
 * see, as they are now; a message is found up to two seconds after it was stored.
 */
export interface SearchMessages {
  readonly type: "search-messages";
  /** Null: in all conversations that the caller takes part in. */
  readonly conversationId: number | null;
  /** At most 200 characters. Without a word in it: nothing is found. */
  readonly text: string;
  readonly before: SearchPlace | null;
  readonly limit: number;
}

/** A message's place in the order of all: when it was said (epoch ms), and where. */
export interface SearchPlace {
  readonly at: number;
  readonly conversationId: number;
  readonly seq: number;
}

export interface SearchPage {
  /** May be fewer than asked for although there are more. */
  readonly messages: readonly Message[];
  /** Null: there are no more. */
  readonly next: SearchPlace | null;
}

/** All of them, by id. */
export interface ReadWebhooks {
  readonly type: "read-webhooks";
}

/** What a webhook was told, newest first; what is done is forgotten after a week. */
export interface ReadDeliveries {
  readonly type: "read-deliveries";
  readonly webhookId: number;
  /** Exclusive, the id of a delivery; null: from the newest. */
  readonly before: number | null;
  readonly limit: number;
}

export interface DeliveryPage {
  readonly deliveries: readonly WebhookDelivery[];
  readonly more: boolean;
}

/** Each query with its answer. */
export interface Queries {
  "read-webhooks": [ReadWebhooks, readonly Webhook[]];
  "read-deliveries": [ReadDeliveries, DeliveryPage];
  "read-history": [ReadHistory, HistoryPage];
  "read-page": [ReadPage, CountedPage];
  "read-inbox": [ReadInbox, InboxPage];
  "read-entries": [ReadEntries, readonly InboxEntry[]];
  "read-thread": [ReadThread, ThreadPage];
  "read-pins": [ReadPins, readonly Message[]];
  "read-edits": [ReadEdits, EditsPage];
  "read-reactions": [ReadReactions, ReactionsPage];
  "read-own-reactions": [ReadOwnReactions, readonly OwnReactions[]];
  "read-receipts": [ReadReceipts, ReceiptsPage];
  "find-direct": [FindDirect, number | null];
  "read-unread": [ReadUnread, UnreadList];
  "read-participants": [ReadParticipants, ParticipantsPage];
  "read-people": [ReadPeople, readonly ConversationPeople[]];
  "find-users": [FindUsers, UsersPage];
  "read-users": [ReadUsers, readonly UserCard[]];
  "read-blocks": [ReadBlocks, readonly Block[]];
  "read-presence": [ReadPresence, readonly UserPresence[]];
  "read-online": [ReadOnline, OnlinePage];
  "find-message": [FindMessage, Message];
  "locate-message": [LocateMessage, Message];
  "read-sent": [ReadSent, Message];
  "read-clock": [ReadClock, { readonly seq: number }];
  "read-files": [ReadFiles, HistoryPage];
  "open-attachment": [OpenAttachment, OpenedAttachment];
  "search-messages": [SearchMessages, SearchPage];
}
export type QueryName = keyof Queries;
export type Query = Queries[QueryName][0];
export type AnswerOf<Q extends Query> = Queries[Q["type"]][1];

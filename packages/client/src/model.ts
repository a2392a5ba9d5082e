/**
 * What an application sees. Everything is immutable: a thing that has changed is another object, and one that is the
 * same object has not changed. Times are epoch milliseconds by the server's clock. Ids of conversations (`conv_…`) and
 * messages (`msg_…`) are texts; a user's is the identity provider's own.
 */

export type Role = "owner" | "admin" | "member";
export type PresenceStatus = "online" | "away" | "dnd" | "offline";
export type NotificationLevel = "all" | "mentions" | "none";
export type MessageType = "text" | "image" | "file" | "location" | "system";

export interface Attachment {
  readonly id: string;
  readonly fileName: string;
  readonly contentType: string;
  /** Bytes. */
  readonly size: number;
  /** Pixels; null where it is no picture. */
  readonly width: number | null;
  readonly height: number | null;
  readonly hasThumbnail: boolean;
  /** As the server told it: `files.url` and `files.link` give addresses to be followed. */
  readonly url: string;
}

/** What a reply answers, as far as the reply shows it. */
export interface ParentPreview {
  readonly id: string;
  readonly type: MessageType;
  readonly senderId: string;
  readonly senderName: string | null;
  /** At least the first 200 characters; empty once deleted. */
  readonly content: string;
  readonly isDeleted: boolean;
}

export interface Message {
  /** The same while it is sent and for ever after: what a list is keyed by. */
  readonly key: string;
  /** The server's; until it is stored the same as `key`. */
  readonly id: string;
  readonly conversationId: string;
  /** `sending` also while there is no connection; `failed`: see `error`, then retry or discard. */
  readonly state: "sending" | "failed" | "stored";
  /** Of a failed one: why. */
  readonly error: { readonly code: string; readonly message: string } | null;
  /** Its place in the conversation, by which it is ordered; rises, with gaps. Infinity until it is stored. */
  readonly seq: number;
  /** The tick of its latest change: of two the higher is the truth. */
  readonly rev: number;
  /** `system`: what happened to the conversation, with `metadata` that says the same for programs. */
  readonly type: MessageType;
  /** Empty of what nobody wrote: `system`. */
  readonly senderId: string;
  readonly senderName: string | null;
  readonly senderAvatarUrl: string | null;
  /** As it was written; empty once deleted. */
  readonly content: string;
  readonly parentId: string | null;
  readonly parent: ParentPreview | null;
  readonly replyCount: number;
  /** User ids of the participants it names. */
  readonly mentions: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly attachments: readonly Attachment[];
  /** Count by emoji. */
  readonly reactions: Readonly<Record<string, number>>;
  /** Those of one's own. */
  readonly ownReactions: readonly string[];
  readonly createdAt: number;
  readonly editedAt: number | null;
  readonly deletedAt: number | null;
  readonly pinnedAt: number | null;
  readonly pinnedBy: string | null;
}

export interface Participant {
  readonly userId: string;
  readonly name: string | null;
  readonly avatarUrl: string | null;
  readonly role: Role;
}

/** How far somebody has come: everything up to these `seq`. */
export interface Marks {
  readonly deliveredSeq: number;
  readonly readSeq: number;
  readonly readAt: number | null;
}

export interface ConversationSettings {
  readonly allowReplies: boolean;
  readonly allowReactions: boolean;
  readonly allowFileUploads: boolean;
  /** Whether people who join later see what was said before. */
  readonly historyVisible: boolean;
  /** Null: the server's own limit. */
  readonly maxFileSizeMb: number | null;
  /** Such as `image/*`; null: whatever the server takes. */
  readonly allowedFileTypes: readonly string[] | null;
}

export interface Conversation {
  readonly id: string;
  readonly kind: "direct" | "group";
  /** Null in a direct one, which goes by the other person's: see `titleOf`. */
  readonly name: string | null;
  readonly description: string | null;
  readonly avatarUrl: string | null;
  readonly createdAt: number | null;
  readonly settings: ConversationSettings;
  /** The longest in it first, at most 200. */
  readonly participants: readonly Participant[];
  readonly participantCount: number;
  /** Of the other participants, by user id; empty over 100 people. */
  readonly marks: Readonly<Record<string, Marks>>;
  /** One's own role; null where one is not among those named. */
  readonly ownRole: Role | null;
  /** Up to where oneself has read. */
  readonly readSeq: number;
  readonly unread: number;
  /** Of the unread, those that name oneself. */
  readonly unreadMentions: number;
  readonly lastMessage: Message | null;
  /** What the list is ordered by. */
  readonly lastActivityAt: number;
  readonly muted: boolean;
  /** Pinned in one's own list. */
  readonly pinned: boolean;
  readonly archived: boolean;
  readonly level: NotificationLevel;
  /** Left, as far as a direct one can be: out of the list until its next message. */
  readonly hidden: boolean;
  /** One has blocked the other person. */
  readonly blocked: boolean;
  /** The conversation's clock, as far as it is known here. */
  readonly seq: number;
}

/** A hole in what was told, which is being looked up. */
export interface Gap {
  readonly afterSeq: number;
  readonly beforeSeq: number;
}

/** A stretch of a conversation, or of a thread, that is held in memory. */
export interface Timeline {
  readonly conversationId: string;
  readonly status: "empty" | "loading" | "ready" | "failed";
  /** Of a failed one: why. */
  readonly error: { readonly code: string; readonly message: string } | null;
  /** Oldest first; those that are not stored yet are last. */
  readonly messages: readonly Message[];
  readonly hasOlder: boolean;
  /** More was said after the last: the stretch is not at the live end. */
  readonly hasNewer: boolean;
  readonly loading: "older" | "newer" | null;
  readonly gaps: readonly Gap[];
  /** Of a thread: what it answers, if that is known. */
  readonly root: Message | null;
}

/** The list of conversations. */
export interface Inbox {
  readonly status: "empty" | "loading" | "ready" | "failed";
  /** Ids, the pinned first, then by latest activity. */
  readonly ids: readonly string[];
  /** Ids of those that are archived, as far as they were loaded. */
  readonly archivedIds: readonly string[];
  readonly hasMore: boolean;
  /** Of all that is not muted. */
  readonly unread: number;
  readonly unreadMentions: number;
}

export interface TypingUser {
  readonly userId: string;
  readonly name: string | null;
}

export interface Presence {
  readonly userId: string;
  readonly status: PresenceStatus;
  /** Null while they are here, or where it is not known. */
  readonly lastSeenAt: number | null;
}

export interface User {
  readonly userId: string;
  readonly name: string | null;
  readonly avatarUrl: string | null;
  readonly isBot: boolean;
}

/** The signed-in user. */
export interface Me extends User {
  readonly status: PresenceStatus;
}

export type ConnectionStatus =
  | "idle"
  | "authorizing"
  | "connecting"
  | "resuming"
  | "live"
  | "waiting"
  | "ended";

export interface Connection {
  readonly status: ConnectionStatus;
  /** Of `waiting`: when it is tried again, by this device's clock. */
  readonly retryAt: number | null;
  /** Of `waiting` and `ended`: why. */
  readonly reason: { readonly code: number; readonly message: string } | null;
  /** What the server's clock is ahead of this device's, as far as it is known. */
  readonly clockOffsetMs: number;
  /** Messages that wait to be sent, failed ones not counted. */
  readonly queued: number;
}

/** A page of a list; give `nextCursor` back for the next one. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

/** What a client shows, as JSON can say it: for a later run to begin with. */
export interface ClientSnapshot {
  readonly version: 1;
  readonly me: Me;
  readonly conversations: readonly Conversation[];
  readonly timelines: readonly {
    readonly conversationId: string;
    readonly messages: readonly Message[];
    readonly hasOlder: boolean;
  }[];
}

/** What can be looked at and listened to, by topic. */
export interface Topics {
  connection: Connection;
  me: Me | null;
  inbox: Inbox;
  [conversation: `conversation:${string}`]: Conversation | null;
  [timeline: `timeline:${string}`]: Timeline;
  [thread: `thread:${string}`]: Timeline;
  [typing: `typing:${string}`]: readonly TypingUser[];
  [presence: `presence:${string}`]: Presence;
}
export type Topic = keyof Topics & string;

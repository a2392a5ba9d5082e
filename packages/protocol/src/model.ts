/**
 * The nouns that commands and events speak of, free of any dialect's spelling. Times are epoch milliseconds.
 */
export type Role = "owner" | "admin" | "member";
export type ConversationKind = "direct" | "group";
/** `system`: what happened to its conversation, said by nobody. */
export type MessageType = "text" | "image" | "file" | "location" | "system";
export type Status = "online" | "away" | "dnd" | "offline";

/** An object a client keeps with its message: at most MAX_METADATA_BYTES of JSON, five levels deep. */
export type Metadata = Readonly<Record<string, unknown>>;

/** Whose `senderId` is of messages that nobody wrote: no user's id is empty. */
export const NOBODY = "";

/** A file that belongs to a message. Where it is had from, and for how long, is said by whoever shows it. */
export interface Attachment {
  /** A UUID that nobody can guess; it is no permission. */
  readonly id: string;
  readonly fileName: string;
  /** What the content is, whatever its sender called it. */
  readonly contentType: string;
  /** Bytes. */
  readonly size: number;
  /** Pixels, as it is shown; null where it is no image we can measure. */
  readonly width: number | null;
  readonly height: number | null;
  readonly hasThumbnail: boolean;
}

/** How many files one message carries at most. */
export const MAX_ATTACHMENTS = 20;

/** Longest idempotency key, in UTF-16 code units. */
export const MAX_KEY_LENGTH = 255;

export interface Message {
  readonly id: number;
  readonly conversationId: number;
  /** The tick that stored it: its place in history for ever. */
  readonly seq: number;
  /** The tick of its latest change; equal to `seq` while it is unchanged. */
  readonly rev: number;
  readonly type: MessageType;
  /** NOBODY of a `system` message. */
  readonly senderId: string;
  readonly senderName: string | null;
  readonly senderAvatarUrl: string | null;
  /** Byte for byte what was sent; empty once deleted. */
  readonly content: string;
  readonly parentId: number | null;
  /** Of a reply: what it answers, as it is now; null where late comers may not see what was before them. */
  readonly parent: ParentPreview | null;
  /** Replies that are not deleted, as they were when this was read: who listens counts those that come after. */
  readonly replyCount: number;
  /** The participants its content names, each once, in order of their first place in it. */
  readonly mentions: readonly string[];
  readonly metadata: Metadata | null;
  /** Null where there are none; gone with a deleted message. */
  readonly attachments: readonly Attachment[] | null;
  /** Count by emoji; null where there are none. */
  readonly reactions: Readonly<Record<string, number>> | null;
  readonly idempotencyKey: string | null;
  /** The client's own claim of when; orders nothing. */
  readonly clientTime: number | null;
  readonly createdAt: number;
  readonly editedAt: number | null;
  readonly deletedAt: number | null;
  /** Null: not pinned in its conversation. */
  readonly pinnedAt: number | null;
  readonly pinnedBy: string | null;
}

/** How much of a message a preview of it shows, in code points. */
export const PREVIEW_LENGTH = 200;

/** The message that a reply answers, as far as the reply shows it. */
export interface ParentPreview {
  readonly id: number;
  readonly seq: number;
  readonly type: MessageType;
  readonly senderId: string;
  readonly senderName: string | null;
  /** The first PREVIEW_LENGTH code points; empty once deleted. */
  readonly content: string;
  readonly deleted: boolean;
}

/** Pinned messages of one conversation, at most. */
export const MAX_PINS = 100;

export interface ConversationSettings {
  readonly allowReplies: boolean;
  readonly allowReactions: boolean;
  /** Whether people who join later see what was said before. */
  readonly historyVisible: boolean;
  readonly allowFileUploads: boolean;
  /** In MiB, where it is less than the server's limit; null: the server's. */
  readonly maxFileSizeMb: number | null;
  /** Media types such as `image/png` or `image/*`, of those the server takes; null: all of them. */
  readonly allowedFileTypes: readonly string[] | null;
}

export const DEFAULT_SETTINGS: ConversationSettings = {
  allowReplies: true,
  allowReactions: true,
  historyVisible: true,
  allowFileUploads: true,
  maxFileSizeMb: null,
  allowedFileTypes: null,
};

/** What everybody in a conversation knows of it. */
export interface Conversation {
  readonly id: number;
  readonly kind: ConversationKind;
  readonly name: string | null;
  readonly description: string | null;
  readonly avatarUrl: string | null;
  /** What another system knows it by, or the thing of its own that it is about. */
  readonly externalRef: string | null;
  readonly createdBy: string | null;
  readonly createdAt: number;
  /** When it, and not what is said in it, last changed. */
  readonly updatedAt: number;
  readonly settings: ConversationSettings;
  readonly participantCount: number;
  /** The clock: the tick of its latest change. */
  readonly clock: number;
}

/** How many people a head names at most; `participantCount` says how many there are. */
export const HEAD_PARTICIPANTS = 200;
/** A head that is read for who knows the people already names none of more than so many. */
export const FEW_PARTICIPANTS = 20;

export interface Participant {
  readonly userId: string;
  readonly userName: string | null;
  readonly role: Role;
  /** The tick that let them in. */
  readonly joinedSeq: number;
  readonly joinedAt: number;
}

/** A participant with how far they have come. */
export interface ParticipantDetail extends Participant {
  readonly avatarUrl: string | null;
  readonly deliveredSeq: number;
  readonly readSeq: number;
  readonly readAt: number | null;
  /** The newest message at or below their read mark. */
  readonly lastReadMessageId: number | null;
}

/** Of which messages somebody wants to be notified. */
export type NotificationLevel = "all" | "mentions" | "none";

/** How somebody keeps a conversation in their own list: nobody else is told. */
export interface Preferences {
  readonly muted: boolean;
  readonly pinned: boolean;
  /** Out of the list until the next message. */
  readonly archived: boolean;
  readonly level: NotificationLevel;
}

/** What anybody may know of somebody. */
export interface UserCard {
  readonly id: string;
  readonly name: string | null;
  readonly avatarUrl: string | null;
  readonly isBot: boolean;
}

/** A conversation with the first HEAD_PARTICIPANTS of its people, longest in it first. */
export interface ConversationHead {
  readonly conversation: Conversation;
  readonly participants: readonly Participant[];
}

/** How far a participant has come. State, not an event: the last one told is the truth. */
export interface Marks {
  readonly userId: string;
  readonly userName: string | null;
  readonly deliveredSeq: number;
  readonly readSeq: number;
  /** The newest message at or below `readSeq`; null where nothing was read. */
  readonly readMessageId: number | null;
  readonly readAt: number | null;
}

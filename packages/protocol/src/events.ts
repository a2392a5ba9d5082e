/**
 * What is told. An event is a stored fact with the tick of its conversation's clock; a signal may be lost
 * and is never stored.
 */
import type { ConversationHead, Marks, Message, Participant } from "./model.ts";
import type { InboxEntry, UserPresence } from "./queries.ts";

export interface Tick {
  readonly conversationId: number;
  /** The tick of this change. */
  readonly seq: number;
  /** The transaction that made it: what positions are built on. */
  readonly xid: number;
}

export interface MessageStored extends Tick {
  readonly type: "message.stored";
  readonly message: Message;
  /** The session it came in on, which has its ack and is not told again. */
  readonly origin?: string;
}

export interface MessageUpdated extends Tick {
  readonly type: "message.updated";
  readonly message: Message;
  /** What was done to it; absent where a catch-up tells no more than how it is now. */
  readonly change?: "edit" | "delete" | "pin" | "unpin";
}

export interface ReactionChanged extends Tick {
  readonly type: "reaction.changed";
  readonly message: Message;
  readonly userId: string;
  readonly userName: string | null;
  readonly emoji: string;
  readonly added: boolean;
}

/** Who is in it, how it is set: one event for all changes of a conversation itself, with the whole head. */
export interface ConversationChanged extends Tick {
  readonly type: "conversation.changed";
  readonly head: ConversationHead;
  /** Tick 1: it has just been made. */
  readonly created: boolean;
  readonly added: readonly Participant[];
  readonly updated: readonly Participant[];
  /** User ids. They are told this event and nothing after it. */
  readonly removed: readonly string[];
  /** It was deleted for everyone: nothing of it can be read any more. */
  readonly deleted: boolean;
}

export type Event = MessageStored | MessageUpdated | ReactionChanged | ConversationChanged;

/** Not told to whoever types, on none of their devices. */
export interface TypingSignal {
  readonly type: "typing";
  readonly conversationId: number;
  readonly userId: string;
  readonly userName: string | null;
  readonly typing: boolean;
}

export interface ReceiptSignal {
  readonly type: "receipt";
  readonly conversationId: number;
  readonly marks: Marks;
  /** Whether they say what was read, and not only what was delivered. */
  readonly read: boolean;
}

/** How somebody is seen now, to those who share a conversation with them and to their own devices. State, as `entry`. */
export interface PresenceSignal extends UserPresence {
  readonly type: "presence";
}

/**
 * To one person's own devices: how a conversation now stands in their list, after they changed that. State: the last
 * one told is the truth.
 */
export interface EntrySignal {
  readonly type: "entry";
  readonly conversationId: number;
  readonly entry: InboxEntry;
}

export type Signal = TypingSignal | ReceiptSignal | PresenceSignal | EntrySignal;

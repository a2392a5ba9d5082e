/**
 * What is told. An event is a stored fact with the tick of its conversation's clock; a signal may be lost
 * and is never stored.
 */
import type { Conversation, Marks, Message, Participant, Status } from "./model.ts";

interface Tick {
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
}

export interface ReactionChanged extends Tick {
  readonly type: "reaction.changed";
  readonly message: Message;
  readonly userId: string;
  readonly emoji: string;
  readonly added: boolean;
}

export interface ParticipantsAdded extends Tick {
  readonly type: "participants.added";
  readonly participants: readonly Participant[];
}

export interface ParticipantRemoved extends Tick {
  readonly type: "participant.removed";
  readonly userId: string;
}

export interface ParticipantUpdated extends Tick {
  readonly type: "participant.updated";
  readonly participant: Participant;
}

export interface ConversationUpdated extends Tick {
  readonly type: "conversation.updated";
  readonly conversation: Conversation;
}

export type Event =
  | MessageStored
  | MessageUpdated
  | ReactionChanged
  | ParticipantsAdded
  | ParticipantRemoved
  | ParticipantUpdated
  | ConversationUpdated;

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
}

export interface PresenceSignal {
  readonly type: "presence";
  readonly userId: string;
  readonly status: Status;
  readonly lastSeenAt: number | null;
}

export type Signal = TypingSignal | ReceiptSignal | PresenceSignal;

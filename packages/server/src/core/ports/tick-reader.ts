import type { ConversationHead, Message, Participant } from "@parlance/protocol/model.ts";
import type { MarkMoved } from "./message-log.ts";

export interface ClockAt {
  readonly conversationId: number;
  readonly clock: number;
  /** The transaction of the latest tick. */
  readonly movedXid: number;
  readonly participantCount: number;
  /** Whether people who join later see what was said before. */
  readonly historyVisible: boolean;
}

/** A conversation of somebody's that has moved, as resume needs it. */
export interface MovedConversation extends ClockAt {
  readonly joinedSeq: number;
  /** The tick at which they left; null while they are in. */
  readonly leftSeq: number | null;
  /** For everyone: nothing that was said in it may be told any more. */
  readonly deleted: boolean;
}

export interface ConversationTicks {
  /** Null when neither settings nor people changed between the two ticks. */
  readonly head: ConversationHead | null;
  readonly created: boolean;
  /** It has been deleted for everyone, whenever that was. */
  readonly deleted: boolean;
  readonly added: readonly Participant[];
  readonly updated: readonly Participant[];
  readonly removed: readonly { readonly userId: string; readonly leftSeq: number }[];
}

export interface SweepWish {
  readonly clocks: readonly { readonly conversationId: number; readonly clock: number }[];
  readonly userIds: readonly string[];
  /** The horizon of the sweep before. */
  readonly since: number;
  /** How long ago that was, in milliseconds, and some more. */
  readonly lookBackMs: number;
}

export interface SweepAnswer {
  /** Every transaction before this one is finished, and what it did is in this answer. */
  readonly horizon: number;
  readonly ahead: readonly ClockAt[];
  readonly joined: readonly {
    readonly userId: string;
    readonly conversationId: number;
    readonly joinedSeq: number;
  }[];
  /** Users who were deactivated since that long ago and still are. */
  readonly deactivated: readonly string[];
}

/**
 * What delivery asks of the store, always the primary: what bus and memory may have forgotten.
 * `(since, through]` is meant wherever both stand.
 */
export interface TickReader {
  /** Which life of the history this is; see the glossary, *epoch*. */
  epoch(): Promise<string>;
  memberships(
    userIds: readonly string[],
  ): Promise<
    readonly { readonly userId: string; readonly conversationId: number; readonly joinedSeq: number }[]
  >;
  /** The conversations that the user was in and is out of since a transaction from `horizon` on. */
  leftSince(userId: string, horizon: number): Promise<readonly number[]>;
  clocks(conversationIds: readonly number[]): Promise<readonly ClockAt[]>;
  /** New messages by seq, of `seq > since`. */
  newMessages(
    conversationId: number,
    since: number,
    through: number,
    limit: number,
  ): Promise<readonly Message[]>;
  /** Messages no newer than `newerThan` that changed, by rev, of `rev > since`. */
  changedMessages(
    conversationId: number,
    newerThan: number,
    since: number,
    through: number,
    limit: number,
  ): Promise<readonly Message[]>;
  conversationTicks(conversationId: number, since: number, through: number): Promise<ConversationTicks>;
  /** The user's conversations, left ones too, that a transaction from `horizon` on has moved. */
  moved(userId: string, horizon: number): Promise<readonly MovedConversation[]>;
  /** The same of these conversations, moved or not. */
  standings(userId: string, conversationIds: readonly number[]): Promise<readonly MovedConversation[]>;
  /** The latest tick that a transaction before `horizon` made. */
  tickBefore(conversationId: number, horizon: number): Promise<number>;
  /** In one snapshot. */
  sweep(wish: SweepWish): Promise<SweepAnswer>;
  /** The first transaction not yet begun: no position may be beyond it. */
  nextXid(): Promise<number>;
  /** Marks in the user's conversations that moved since then (epoch ms), in conversations of up to `maxParticipants`; the user's own always. */
  marksSince(userId: string, since: number, maxParticipants: number): Promise<readonly MarkMoved[]>;
}

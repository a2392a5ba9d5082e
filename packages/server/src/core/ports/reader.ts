import type {
  ConversationKind,
  ConversationSettings,
  Message,
  ParticipantDetail,
  Role,
  Status,
} from "@parlance/protocol/model.ts";
import type {
  CountedPage,
  EarlierText,
  InboxEntry,
  InboxList,
  OwnReactions,
  ParticipantPlace,
  Reaction,
  ReadBy,
  ReadEdits,
  ReadOwnReactions,
  ReadReactions,
  UnreadList,
} from "@parlance/protocol/queries.ts";

/** What policy is asked with: the conversation, and how somebody stands in it. */
export interface Standing {
  readonly conversationId: number;
  readonly kind: ConversationKind;
  readonly settings: ConversationSettings;
  readonly clock: number;
  readonly participantCount: number;
  /** Null: takes no part. */
  readonly role: Role | null;
  /** The tick that let them in; 0 for one who takes no part. */
  readonly joinedSeq: number;
  /** In a direct conversation one of whose two people has blocked the other. */
  readonly isBarred: boolean;
}

export interface HistoryWish {
  readonly conversationId: number;
  /** Only messages before this seq; null: from the newest. */
  readonly beforeSeq: number | null;
  /** Only messages from this seq on: what somebody who joined late may see. */
  readonly fromSeq: number;
  readonly limit: number;
}

export interface PageWish {
  readonly conversationId: number;
  /** Only messages from this seq on are shown and counted. */
  readonly fromSeq: number;
  readonly offset: number;
  readonly limit: number;
}

export interface HistoryAfterWish {
  readonly conversationId: number;
  readonly afterSeq: number;
  readonly fromSeq: number;
  readonly limit: number;
}

export interface ReceiptsWish {
  readonly conversationId: number;
  readonly seq: number;
  readonly senderId: string;
  /** Strictly after this user id; null: from the first. */
  readonly after: string | null;
  readonly limit: number;
}

export interface CalledWish {
  readonly ids: readonly string[];
  /** Of any case; who has no name goes by their id. */
  readonly names: readonly string[];
}

/** A participant, and the one of the wished names they go by; null: found by id. */
export interface Called {
  readonly userId: string;
  readonly name: string | null;
}

export interface InboxWish {
  readonly userId: string;
  /** Absent: `active`. */
  readonly list?: InboxList;
  /** Only groups with this in their name. */
  readonly named?: string;
  readonly limit: number;
  /** Strictly after this place in the order (newest activity first); null: from the top. */
  readonly after: { readonly at: number; readonly conversationId: number } | null;
}

export interface ParticipantsWish {
  readonly conversationId: number;
  readonly after: ParticipantPlace | null;
  readonly limit: number;
}

export interface FirstPeople {
  readonly conversationId: number;
  readonly participants: readonly ParticipantDetail[];
}

/** What a message is told from its repeats by. */
export interface SentKey {
  readonly conversationId: number;
  readonly senderId: string;
  readonly key: string;
}

export interface SentUnderKey {
  readonly id: number;
  readonly contentHash: number;
}

/** What the core asks of the store. Reads see everything that was acknowledged before they were asked. */
export interface Reader {
  /** Null: no such conversation. */
  standing(conversationId: number, userId: string | null): Promise<Standing | null>;
  message(conversationId: number, messageId: number): Promise<Message | null>;
  /** By its id alone, which may have to look in every part of a divided store: not for what is asked often. */
  messageById(messageId: number): Promise<Message | null>;
  /** Messages sent with this key, at most two: keys are unique by sender only. */
  messagesByKey(conversationId: number, key: string): Promise<readonly Message[]>;
  /** What was stored under each key, in their order; null where nothing was. */
  sentUnder(keys: readonly SentKey[]): Promise<readonly (SentUnderKey | null)[]>;
  /** Newest first. */
  history(wish: HistoryWish): Promise<readonly Message[]>;
  /** From after `afterSeq`, oldest first. */
  historyAfter(wish: HistoryAfterWish): Promise<readonly Message[]>;
  /** Direct replies to a message from after `afterSeq`, oldest first. */
  replies(wish: HistoryAfterWish & { readonly parentId: number }): Promise<readonly Message[]>;
  /** Pinned messages from `fromSeq` on, last pinned first. */
  pins(conversationId: number, fromSeq: number): Promise<readonly Message[]>;
  /** Oldest first. */
  edits(wish: Omit<ReadEdits, "type">): Promise<readonly EarlierText[]>;
  /** Earliest first. */
  reactions(wish: Omit<ReadReactions, "type">): Promise<readonly Reaction[]>;
  /** Of one user, of those messages that they have reacted to. */
  ownReactions(userId: string, messages: ReadOwnReactions["messages"]): Promise<readonly OwnReactions[]>;
  /** Of those who take part, but for the sender, who has read it, by user id. */
  receipts(wish: ReceiptsWish): Promise<readonly ReadBy[]>;
  /** Those participants who have one of these ids, or go by one of these names. */
  called(conversationId: number, wish: CalledWish): Promise<readonly Called[]>;
  /** Newest first, as of one moment; costs the same at any offset. */
  page(wish: PageWish): Promise<CountedPage>;
  inbox(wish: InboxWish): Promise<readonly InboxEntry[]>;
  /**
   * The entries of these conversations that the user takes part in, in no order.
   * @param few heads of more than `FEW_PARTICIPANTS` without any
   */
  entries(userId: string, conversationIds: readonly number[], few?: boolean): Promise<readonly InboxEntry[]>;
  directConversation(pair: string): Promise<number | null>;
  /** Of all the user's conversations that are not hidden, those with something unread, in no order. */
  unread(userId: string): Promise<UnreadList["conversations"]>;
  /** Those who take part, longest in it first. */
  participants(wish: ParticipantsWish): Promise<readonly ParticipantDetail[]>;
  /** The first of each of these conversations that the user takes part in. */
  people(userId: string, conversationIds: readonly number[]): Promise<readonly FirstPeople[]>;
}

export interface UserRecord {
  readonly id: string;
  readonly name: string | null;
  readonly avatarUrl: string | null;
  readonly status: Status;
  readonly lastSeenAt: number | null;
  readonly deactivated: boolean;
}

export interface UserStore {
  find(ids: readonly string[]): Promise<readonly UserRecord[]>;
  /** Makes those that are missing; a name that is given replaces the one that is there, unless that was the user's choice. */
  ensure(users: readonly { readonly id: string; readonly name: string | null }[]): Promise<void>;
  /** The status somebody has chosen; it stands until they choose another. */
  setStatus(id: string, status: Status): Promise<void>;
  /**
   * When each of them was last here, never earlier than is stored. Answers who they are without those who have chosen
   * to appear offline: of them it is not stored.
   */
  setLastSeen(seen: readonly { readonly id: string; readonly at: number }[]): Promise<ReadonlySet<string>>;
}

export interface Ids {
  message(): number | Promise<number>;
  conversation(): number | Promise<number>;
}

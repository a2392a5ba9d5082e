import type {
  ConversationKind,
  ConversationSettings,
  Message,
  Role,
  Status,
} from "@parlance/protocol/model.ts";
import type { CountedPage, InboxEntry } from "@parlance/protocol/queries.ts";

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

export interface InboxWish {
  readonly userId: string;
  readonly limit: number;
  /** Strictly after this place in the order (newest activity first); null: from the top. */
  readonly after: { readonly at: number; readonly conversationId: number } | null;
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
  /** Newest first. */
  history(wish: HistoryWish): Promise<readonly Message[]>;
  /** Newest first, as of one moment; costs the same at any offset. */
  page(wish: PageWish): Promise<CountedPage>;
  inbox(wish: InboxWish): Promise<readonly InboxEntry[]>;
  /** The entries of these conversations that the user takes part in, in no order. */
  entries(userId: string, conversationIds: readonly number[]): Promise<readonly InboxEntry[]>;
  directConversation(pair: string): Promise<number | null>;
}

export interface UserRecord {
  readonly id: string;
  readonly name: string | null;
  readonly status: Status;
  readonly deactivated: boolean;
}

export interface UserStore {
  find(ids: readonly string[]): Promise<readonly UserRecord[]>;
  /** Makes those that are missing; a name that is given replaces the one that is there. */
  ensure(users: readonly { readonly id: string; readonly name: string | null }[]): Promise<void>;
  /** The status somebody has chosen; it stands until they choose another. */
  setStatus(id: string, status: Status): Promise<void>;
  /** Answers whom it was stored for: not those who have chosen to appear offline. */
  setLastSeen(ids: readonly string[], at: number): Promise<ReadonlySet<string>>;
}

export interface Ids {
  message(): number | Promise<number>;
  conversation(): number | Promise<number>;
}

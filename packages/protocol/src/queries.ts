import type { ConversationHead, Message } from "./model.ts";

/** A page of a conversation's messages, newest first. */
export interface ReadHistory {
  readonly type: "read-history";
  readonly conversationId: number;
  /** Exclusive: only what stands before it; null: from the newest. */
  readonly before: MessageReference | null;
  readonly limit: number;
}

export interface HistoryPage {
  readonly messages: readonly Message[];
  readonly more: boolean;
}

/** A message by its id, or by the key it was sent with, which is unique by sender only. */
export type MessageReference = { readonly id: number } | { readonly key: string };

/** A person's conversations, most recent activity first. */
export interface ReadInbox {
  readonly type: "read-inbox";
  readonly userId: string;
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
  readonly muted: boolean;
  readonly pinned: boolean;
  readonly archived: boolean;
}

/** The caller's own entries of these conversations; those it takes no part in are left out. */
export interface ReadEntries {
  readonly type: "read-entries";
  readonly conversationIds: readonly number[];
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

/** Each query with its answer. */
export interface Queries {
  "read-history": [ReadHistory, HistoryPage];
  "read-page": [ReadPage, CountedPage];
  "read-inbox": [ReadInbox, InboxPage];
  "read-entries": [ReadEntries, readonly InboxEntry[]];
  "find-direct": [FindDirect, number | null];
  "find-message": [FindMessage, Message];
  "read-clock": [ReadClock, { readonly seq: number }];
}
export type QueryName = keyof Queries;
export type Query = Queries[QueryName][0];
export type AnswerOf<Q extends Query> = Queries[Q["type"]][1];

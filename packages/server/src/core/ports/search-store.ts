import type { Message } from "@parlance/protocol/model.ts";
import type { SearchPlace } from "@parlance/protocol/queries.ts";
import type { FollowBatch } from "./follow.ts";

/** A word as search compares it, and its place in the text; the first is 1. */
export interface Word {
  readonly text: string;
  readonly place: number;
  /** In a script without spaces: two neighbours, or the last character of a run by itself. */
  readonly of: "spaced" | "pair" | "end";
}

/** A word that is looked for; `begins`: it need only be how a word begins. */
export interface WishedWord {
  readonly text: string;
  readonly begins: boolean;
}

/** Words that follow one another. */
export type Phrase = readonly WishedWord[];

/** A message as search sees it. */
export interface Said {
  readonly conversationId: number;
  readonly seq: number;
  /** Epoch ms. */
  readonly at: number;
  /** Null: not to be found, being deleted, or said by the system. */
  readonly content: string | null;
}

export interface SaidWords extends Omit<Said, "content"> {
  readonly words: readonly Word[];
}

export interface SearchWish {
  /** Whose conversations; null: the caller may read all of the one that is named. */
  readonly userId: string | null;
  /** Null: all that the user takes part in. */
  readonly conversationId: number | null;
  /** At least one. */
  readonly phrases: readonly Phrase[];
  /** Strictly older than this place in the order; null: from the newest. */
  readonly before: SearchPlace | null;
  readonly limit: number;
}

/** The index of words. Rejects with `StoreError`. */
export interface SearchStore {
  /** What the messages of a batch say now. */
  said(batch: FollowBatch): Promise<readonly Said[]>;
  /** Replaces the words of these messages, and settles the batch with it. */
  index(batch: FollowBatch, messages: readonly SaidWords[]): Promise<void>;
  /**
   * Newest first, only what the user may see at that moment. Of messages that have been deleted since their words were
   * indexed it gives what there is: they count for the limit. Gives up after a second. Refuses with `rate_limited` who asks for too many at once.
   */
  search(wish: SearchWish): Promise<readonly Message[]>;
}

import type { Ids } from "../../core/ports/reader.ts";
import type { Query } from "./line.ts";

/** What each `nextval` gives: the increment of the sequences in the first migration. */
const BLOCK = 1_000;

/**
 * Ids from PostgreSQL sequences, a block at a time, so that an id exists before its row does. The next block is
 * fetched when half of one is left: only a burst of more than that waits.
 */
export function createIds(query: Query): Ids & { forget(): void } {
  const messages = createBlocks(query, "message_ids");
  const conversations = createBlocks(query, "conversation_ids");
  return {
    message: messages.take,
    conversation: conversations.take,
    /** Gives up what is left of the blocks: in a new life of the database others may have them. */
    forget() {
      messages.forget();
      conversations.forget();
    },
  };
}

function createBlocks(query: Query, sequence: string) {
  let next = 0;
  let end = 0;
  let spare: number | null = null;
  let fetching: Promise<void> | null = null;

  const fetchBlock = (): Promise<void> => {
    fetching ??= query<{ first: number }>("select nextval($1::regclass) as first", [sequence])
      .then(([row]) => {
        spare = row?.first ?? null;
      })
      .finally(() => {
        fetching = null;
      });
    return fetching;
  };

  function take(): number | Promise<number> {
    if (next === end && spare !== null) {
      next = spare;
      end = spare + BLOCK;
      spare = null;
    }
    if (next === end) return fetchBlock().then(take);
    // A failure here is met again, and answered, by whoever finds the block used up.
    if (end - next === BLOCK / 2 && spare === null) fetchBlock().catch(() => {});
    return next++;
  }

  return {
    take,
    forget() {
      next = end;
      spare = null;
    },
  };
}

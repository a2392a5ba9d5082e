import type { Consumer } from "../ports/follow.ts";
import type { SearchStore } from "../ports/search-store.ts";
import { wordsOf } from "./words.ts";

/**
 * Keeps the index of words: a message is found from about a quarter of a second after its ack, a second where hundreds
 * are stored in it, by what it says now.
 */
export function createMessageIndexer(store: Pick<SearchStore, "said" | "index">): Consumer {
  return {
    name: "search",
    from: "beginning",
    async consume(batch) {
      const said = await store.said(batch);
      const messages = said.map(({ content, ...message }) => ({
        ...message,
        words: content === null ? [] : wordsOf(content),
      }));
      await store.index(batch, messages);
    },
  };
}

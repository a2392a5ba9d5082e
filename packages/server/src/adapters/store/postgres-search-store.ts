import type { Phrase, Said, SaidWords, SearchStore, Word } from "../../core/ports/search-store.ts";
import type { Query } from "./line.ts";
import { settlement } from "./postgres-follow-store.ts";
import { createSearchTurns } from "./search-turns.ts";
import { MESSAGE_COLUMNS, readMessages } from "./shapes.ts";

const SAID = `select conversation_id as "conversationId", seq, epoch_ms(said_at) as at, content
  from words_wanted($1, $2, $3)`;

const INDEX = "select index_words($1, $2, $3, $4, $5, $6, $7, $8, $9)";

const SEARCH = `select ${MESSAGE_COLUMNS}
  from search_words(
    $1, $2, $3, case when $4::bigint is not null then (to_timestamp($4 / 1000.0), $5, $6)::found_words end, $7) f
  join messages m on m.conversation_id = f.conversation_id and m.seq = f.seq
  order by m.created_at desc, m.conversation_id desc, m.seq desc`;

/**
 * Statements: migration follow_and_search.
 * @param follow the line that the follower writes through
 * @param search one on which a statement may take a second
 */
export function createSearchStore(follow: Query, search: Query): SearchStore {
  const inTurn = createSearchTurns();
  return {
    said: async (batch) => await follow<Said & Record<string, unknown>>(SAID, settlement(batch).slice(2)),
    async index(batch, messages) {
      const column = <T>(of: (message: SaidWords) => T): T[] => messages.map(of);
      await follow(INDEX, [
        ...settlement(batch),
        column((message) => message.conversationId),
        column((message) => message.seq),
        column((message) => message.at),
        column((message) => vectorOf(message.words)),
      ]);
    },
    search: ({ userId, conversationId, phrases, before, limit }) =>
      inTurn(userId, () =>
        readMessages(search, SEARCH, [
          userId,
          conversationId,
          phrases.map(queryOf).join("&"),
          before?.at ?? null,
          before?.conversationId ?? null,
          before?.seq ?? null,
          limit,
        ]),
      ),
  };
}

/** Words are letters, digits, marks and signs: none means anything to PostgreSQL between quotes. */
function vectorOf(words: readonly Word[]): string | null {
  return words.length === 0 ? null : words.map(({ text, place }) => `'~${text}':${place}`).join(" ");
}

function queryOf(phrase: Phrase): string {
  return `(${phrase.map(({ text, begins }) => `'~${text}'${begins ? ":*" : ""}`).join("<->")})`;
}

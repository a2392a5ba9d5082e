import type { Peer } from "../peers/peer.ts";
import { inRounds, measureAsked, type Question } from "./asked.ts";
import { ABSENT, COMMON, fillLibrary, itemsOf, openDatabase, RARE } from "./library.ts";
import type { Context } from "./sample.ts";
import { inOrder, withPeer } from "./turns.ts";
import { besideWrites, underWrites } from "./under-writes.ts";

const BARE_SQL = "the same SQL by bare pg";
const PAGE = 50;
/** Searches under way: people search now and then, and each takes milliseconds of the database. */
const SEARCHING = 2;

/** What is looked for over all of a person's conversations, and whether there is any of it. */
export const SEARCHES: readonly { name: string; query: string; sql: string; finds: boolean }[] = [
  { name: "a word of every message", query: `"${COMMON}"`, sql: `('~${COMMON}')`, finds: true },
  { name: "a word of one in 997", query: `"${RARE}"`, sql: `('~${RARE}')`, finds: true },
  { name: "a beginning", query: "w4", sql: "('~w4':*)", finds: true },
  { name: "a word of none", query: `"${ABSENT}"`, sql: `('~${ABSENT}')`, finds: false },
];
const SEARCH = "select said_at, conversation_id, seq from search_words($1, null, $2, null, $3)";

async function measureRound(context: Context, peer: Peer, round: number, isAlone: boolean): Promise<void> {
  await withPeer(context, peer, async (running) => {
    const library = await fillLibrary(context, running, `w10${round}`, true);
    const { http, me, indexSeconds, indexedPerSecond } = library;
    // As the server's own connections have it.
    const clients = await openDatabase(running, 2, "force_generic_plan");
    const questions = (spelled: (name: string) => string): Question[] =>
      SEARCHES.map(({ name, query, finds }) => ({
        ...{ workload: "W10" as const, case: spelled(name), peer: peer.name, round },
        concurrency: SEARCHING,
        metrics: {
          ...(indexSeconds !== undefined && { index_seconds: indexSeconds }),
          ...(indexedPerSecond !== undefined && { indexed_per_second: indexedPerSecond }),
        },
        async ask() {
          const found = itemsOf(
            await http.get(`/api/chat/search?query=${encodeURIComponent(query)}&limit=${PAGE}`),
          );
          if (found.length > 0 !== finds) throw new Error(`${query}: ${found.length} found`);
        },
      }));
    const bare: Question[] = SEARCHES.map(({ name, sql }) => ({
      ...{ workload: "W10" as const, case: name, peer: BARE_SQL, round },
      concurrency: SEARCHING,
      async ask(n) {
        const values = [me, sql, PAGE + 1];
        await clients[n % 2]!.query({ name: "search", text: SEARCH, values });
      },
    }));
    const runs = [questions((name) => name), ...(isAlone ? [bare] : [])];
    for (const asked of inOrder(runs, round).flat()) await measureAsked(context, running, asked);
    await underWrites(
      context,
      { workload: "W10", round, peer, running, cases: SEARCHES.length },
      async () => {
        for (const asked of questions((name) => besideWrites(context, name)))
          await measureAsked(context, running, asked);
      },
    );
    await Promise.all(clients.map((client) => client.end()));
    library.close();
  });
}

/** How long a search over all of one's conversations takes, alone and beside writing. */
export const { run: w10Search, compare: w10Compared } = inRounds(measureRound);

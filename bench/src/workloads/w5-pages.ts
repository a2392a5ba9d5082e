import { startBareRoute } from "../peers/bare-route.ts";
import type { Peer } from "../peers/peer.ts";
import { inRounds, measureAsked, type Question } from "./asked.ts";
import { fillLibrary, type Library, openDatabase } from "./library.ts";
import type { Context } from "./sample.ts";
import { inOrder, withPeer } from "./turns.ts";
import { besideWrites, underWrites } from "./under-writes.ts";

export const PAGE = 50;
export const PAGE_CASES = { newest: "newest 50", depth: "50 from the depth", inbox: "inbox of 50" } as const;
export const BARE_SQL = "the rows by bare pg";
const BARE_ROUTE = "bare route";
/** Pages into the depth of the longest conversation, and how many of them are asked for in turn. */
const DEPTHS = 10;

type Entrant = { name: string; run: () => Promise<void> };

/** Rows without anything that a message is besides: no names, reactions, files, unread counts of any exactness. */
const ROWS = `select id, seq, rev, type, sender_id, content, metadata, created_at, edited_at, deleted_at from messages
  where conversation_id = $1 and seq < $2 order by seq desc limit ${PAGE}`;
const INBOX_ROWS = `select c.id, c.last_message_at, p.muted, p.pinned, m.content,
    (select count(*) from messages u where u.conversation_id = c.id and u.seq > p.read_seq and u.sender_id <> $1) as unread
  from participants p join conversations c on c.id = p.conversation_id
  left join messages m on m.conversation_id = c.id and m.seq = c.last_seq
  where p.user_id = $1 collate "C" and p.left_seq is null
  order by c.last_message_at desc limit ${PAGE}`;

/** Cursors that begin at different depths of a conversation, and the seqs they stand for. */
async function depthsOf({ http, conversations }: Library): Promise<{ cursor: string; seq: number }[]> {
  const depths: { cursor: string; seq: number }[] = [];
  const path = `/api/v1/chat/${conversations[0]!.spelling}?limit=100`;
  for (let cursor: string | null = ""; cursor !== null && depths.length < DEPTHS; ) {
    const text = await http.get(cursor === "" ? path : `${path}&cursor=${cursor}`);
    const page = JSON.parse(text) as { messages: { seq: number }[]; next_cursor: string | null };
    cursor = page.next_cursor;
    if (cursor !== null) depths.push({ cursor, seq: page.messages.at(-1)!.seq });
  }
  return depths;
}

async function measureRound(context: Context, peer: Peer, round: number, isAlone: boolean): Promise<void> {
  await withPeer(context, peer, async (running) => {
    const library = await fillLibrary(context, running, `w5${round}`);
    const { http, conversations, me } = library;
    const depths = await depthsOf(library);
    const chat = (n: number) => conversations[n % conversations.length]!;
    const depth = (n: number) => depths[n % depths.length]!;
    const holds = async (asked: Promise<string>, what: string): Promise<void> => {
      const text = await asked;
      if (!text.includes(what)) throw new Error(`no ${what} in ${text.slice(0, 100)}`);
    };
    const deep = conversations[0]!.spelling;
    const ours: Readonly<Record<string, Question["ask"]>> = {
      [PAGE_CASES.newest]: (n) =>
        holds(http.get(`/api/v1/chat/${chat(n).spelling}?limit=${PAGE}`), "message_id"),
      [PAGE_CASES.depth]: (n) =>
        holds(http.get(`/api/v1/chat/${deep}?limit=${PAGE}&cursor=${depth(n).cursor}`), "message_id"),
      [PAGE_CASES.inbox]: () => holds(http.get(`/api/v1/chats/${me}?limit=${PAGE}`), "conversation_id"),
    };
    const question = (name: string, ask: Question["ask"], by = peer.name): Question => ({
      ...{ workload: "W5" as const, case: name, peer: by, round, ask },
    });

    const clients = await openDatabase(running, 2);
    const rows = async (text: string, values: readonly unknown[], n: number): Promise<void> => {
      const found = await clients[n % 2]!.query({ name: text.slice(0, 40), text, values: [...values] });
      if (JSON.stringify(found.rows).length < 3) throw new Error("no rows");
    };
    const bare: Readonly<Record<string, Question["ask"]>> = {
      [PAGE_CASES.newest]: (n) => rows(ROWS, [chat(n).number, Number.MAX_SAFE_INTEGER], n),
      [PAGE_CASES.depth]: (n) => rows(ROWS, [conversations[0]!.number, depth(n).seq], n),
      [PAGE_CASES.inbox]: (n) => rows(INBOX_ROWS, [me], n),
    };
    const bytes = (await http.get(`/api/v1/chat/${deep}?limit=${PAGE}`)).length;

    const askAll = (asks: typeof ours, by?: string) => async () => {
      for (const [name, ask] of Object.entries(asks))
        await measureAsked(context, running, question(name, ask, by));
    };
    const entrants: Entrant[] = [{ name: peer.name, run: askAll(ours) }];
    if (isAlone) {
      entrants.push({ name: BARE_SQL, run: askAll(bare, BARE_SQL) });
      entrants.push({
        name: BARE_ROUTE,
        async run() {
          await using route = await startBareRoute(context.freshDirectory(), bytes);
          const ask = async () => void (await route.http.get("/"));
          await measureAsked(context, route, question(PAGE_CASES.newest, ask, BARE_ROUTE));
        },
      });
    }
    for (const { run } of inOrder(entrants, round)) await run();
    const writes = { workload: "W5", round, peer, running, cases: Object.keys(ours).length } as const;
    await underWrites(context, writes, async () => {
      for (const [name, ask] of Object.entries(ours))
        await measureAsked(context, running, question(besideWrites(context, name), ask));
    });
    await Promise.all(clients.map((client) => client.end()));
    library.close();
  });
}

/** How quickly a page is there: what was said last, what was said long ago, and one's conversations. */
export const { run: w5Pages, compare: w5Compared } = inRounds(measureRound);

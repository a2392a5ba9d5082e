import type { Peer } from "../peers/peer.ts";
import { inRounds, measureAsked, type Question } from "./asked.ts";
import { fillLibrary, itemsOf, openDatabase } from "./library.ts";
import type { Context } from "./sample.ts";
import { inOrder, withPeer } from "./turns.ts";

const COUNTED = "counted by bare pg";

/** What one would write first: everything above each mark is counted anew. */
const COUNT = `select p.conversation_id, count(*) from participants p
  join messages m on m.conversation_id = p.conversation_id and m.seq > p.read_seq and m.sender_id <> p.user_id
  where p.user_id = $1 collate "C" and p.left_seq is null group by p.conversation_id`;

async function measureRound(context: Context, peer: Peer, round: number, isAlone: boolean): Promise<void> {
  await withPeer(context, peer, async (running) => {
    const library = await fillLibrary(context, running, `w11${round}`);
    const { http, me, conversations } = library;
    const [client] = await openDatabase(running, 1);
    const about = { workload: "W11" as const, round };
    const many = conversations.length;
    const unread = `unread of ${many}`;
    const ours: Question[] = [
      {
        ...{ ...about, case: unread, peer: peer.name },
        async ask() {
          const text = await http.get("/api/chat/conversations/unread");
          const { data } = JSON.parse(text) as { data: { conversations: unknown[] } };
          if (data.conversations.length < many / 2) throw new Error(`${data.conversations.length} unread`);
        },
      },
      {
        ...{ ...about, case: `inbox of 50 of ${many}`, peer: peer.name },
        async ask() {
          const items = itemsOf(await http.get("/api/chat/conversations?limit=50"));
          if (items.length !== Math.min(50, many)) throw new Error(`${items.length} in the inbox`);
        },
      },
    ];
    const bare: Question[] = [
      {
        ...{ ...about, case: unread, peer: COUNTED },
        async ask() {
          const { rows } = await client!.query({ name: "count", text: COUNT, values: [me] });
          if (rows.length < many / 2) throw new Error(`${rows.length} unread`);
        },
      },
    ];
    for (const asked of inOrder([ours, ...(isAlone ? [bare] : [])], round).flat())
      await measureAsked(context, running, asked);
    await client!.end();
    library.close();
  });
}

/** What it costs to know what is unread, and what happened last, for somebody who is in very many conversations. */
export const { run: w11Unread, compare: w11Compared } = inRounds(measureRound);

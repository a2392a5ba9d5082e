import type { MessageState } from "@parlance/protocol/queries.ts";
import type { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seeded, startNode, upTo, type WritingNode } from "../support/node.ts";
import { createMigratedDatabase, type TestDatabase, withClient } from "../support/postgres.ts";

let database: TestDatabase;
let node: WritingNode;

beforeAll(async () => {
  database = await createMigratedDatabase("pages");
  node = await startNode(database.connection);
});
afterAll(async () => {
  await node.close();
  await database.drop();
});

interface Recounted {
  readonly id: number;
  readonly seq: number;
  readonly state: MessageState;
}

/** Every countable message, newest first, each held against every participant; where nobody is left, nobody is to read it. */
const RECOUNT = `
  select m.id::int, m.seq::int,
    case when coalesce(bool_and(p.read_seq >= m.seq or p.read_above @> m.n), true) then 'read'
         when bool_and(p.delivered_seq >= m.seq or p.read_above @> m.n) then 'delivered' else 'sent' end as state
  from messages m
  left join participants p on p.conversation_id = m.conversation_id and p.left_seq is null
    and (p.user_id <> m.sender_id
         or not exists (select from participants o where o.conversation_id = m.conversation_id and o.left_seq is null
                        and o.user_id <> m.sender_id))
  where m.conversation_id = $1 and m.type <> 'system'
  group by m.conversation_id, m.seq order by m.seq desc`;

async function recount(client: Client, conversationId: number): Promise<Recounted[]> {
  return (await client.query(RECOUNT, [conversationId])).rows;
}

const SEEDS = [1, 2, 3, 4];

test.each(SEEDS)("pages of a random history are what a recount finds, seed %i", async (seed) => {
  const random = seeded(seed);
  const people = upTo(2 + random(5)).map((i) => `user-${i}`);
  const any = <T>(things: readonly T[]): T => things[random(things.length)] as T;
  const conversationId = await node.open(people);
  const sent: { id: number; by: string }[] = [];

  const act = async (): Promise<void> => {
    const userId = any(people);
    const kind = random(100);
    if (kind < 45) {
      const type = random(8) === 0 ? "system" : "text";
      const one = await node.draft({ conversationId, senderId: userId, type, content: "x" });
      const stored = await node.writer.send(one, undefined).catch(() => null);
      if (stored !== null && type === "text") sent.push({ id: stored.id, by: userId });
    } else if (kind < 60 && sent.length > 0) {
      const { id, by } = any(sent);
      await node.change({ kind: "edit", conversationId, by, messageId: id, content: `${random(1e6)}` });
    } else if (kind < 65 && sent.length > 0) {
      const { id, by } = any(sent);
      await node.change({ kind: "delete", conversationId, by, messageId: id });
    } else if (kind < 75) {
      const clock = (await node.store.reader.standing(conversationId, userId))?.clock ?? 0;
      const deliveredSeq = random(clock + 1);
      await node.writer.mark({ conversationId, userId, deliveredSeq, readSeq: random(deliveredSeq + 1) });
    } else if (kind < 88 && sent.length > 0) {
      const message = await node.store.reader.message(conversationId, any(sent).id);
      await node.writer.markMessage({ conversationId, userId, seq: message?.seq as number });
    } else if (kind < 92) {
      await node.change({ kind: "remove", conversationId, by: userId, tell: true, userId: any(people) });
    } else {
      const userIds = [any(people)];
      await node.change({
        kind: "add",
        conversationId,
        by: "user-1",
        tell: true,
        userIds,
        maxParticipants: 100,
      });
    }
  };

  await withClient(database.connection, async (client) => {
    for (let round = 0; round < 8; round++) {
      for (let i = 0; i < 40; i++) await act();
      const all = await recount(client, conversationId);
      const clock = (await node.store.reader.standing(conversationId, null))?.clock ?? 0;
      for (let i = 0; i < 12; i++) {
        const wish = {
          offset: random(all.length + 3),
          limit: 1 + random(30),
          fromSeq: random(3) === 0 ? random(clock + 2) : 0,
        };
        const visible = all.filter((message) => message.seq >= wish.fromSeq);
        const { messages, total } = await node.store.reader.page({ conversationId, ...wish });
        expect(
          { total, page: messages.map(({ message: { id, seq }, state }) => ({ id, seq, state })) },
          JSON.stringify(wish),
        ).toEqual({
          total: visible.length,
          page: visible.slice(wish.offset, wish.offset + wish.limit),
        });
      }
    }
  });
});

import { DEFAULT_SETTINGS } from "@parlance/protocol/model.ts";
import { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startNode, upTo, type WritingNode } from "../support/node.ts";
import { createMigratedDatabase, type TestDatabase, withClient } from "../support/postgres.ts";

let database: TestDatabase;
let nodes: [WritingNode, WritingNode];

beforeAll(async () => {
  database = await createMigratedDatabase("unread");
  nodes = [await startNode(database.connection), await startNode(database.connection)];
});

afterAll(async () => {
  for (const node of nodes) await node.close();
  await database.drop();
});

const any = <T>(things: readonly T[]): T => things[Math.floor(Math.random() * things.length)] as T;

/** Counts everything anew from messages and reads, and answers what the books say otherwise. */
const AUDIT = `
  select p.conversation_id, p.user_id, unread(p, c)::int as said, r.unread::int as counted,
         unread_mentions(p)::int as named_said, r.named::int as named_counted,
         p.own_total::int as own_said, r.own::int as own_counted,
         c.last_n::int as last_n, r.n::int as n, coalesce(i.read, '{}') as read, i.kept::int as kept, i.covered::int as covered,
         case when p.read_seq > s.start then int8multirange(int8range(s.start, p.read_seq, '(]')) else '{}' end
           + coalesce((select range_agg(int8range(m.seq, m.seq, '[]')) from messages m
                       where m.conversation_id = p.conversation_id and p.read_above @> m.n and m.seq > p.read_seq
                         and m.type <> 'system'), '{}') as stay
  from participants p
  join conversations c on c.id = p.conversation_id
  cross join lateral (
    select count(*) as n,
           count(*) filter (where m.sender_id = p.user_id) as own,
           count(*) filter (where m.is_unread) as unread,
           count(*) filter (where m.is_unread and p.user_id = any (m.mentions)) as named
    from (
      -- Above the mark what was read is in the intervals; between where it was set back to and the mark, all is there, and
      -- what was read again is with the exceptions.
      select m.*, m.seq > coalesce(p.unread_seq, p.read_seq) and m.sender_id <> p.user_id and m.deleted_at is null
        and not case when m.seq <= p.read_seq then p.read_above @> m.n
          else exists (select from reads k where k.conversation_id = m.conversation_id and k.user_id = p.user_id
                       and m.seq between k.from_seq and k.to_seq) end as is_unread
      from messages m where m.conversation_id = p.conversation_id and m.type <> 'system') m) r
  -- Who was there from the first has it to read; who came later begins behind their joining.
  cross join lateral (select case when p.joined_seq = 1 then 0 else p.joined_seq end as start) s
  left join lateral (
    select range_agg(int8range(from_seq, to_seq, '[]')) filter (where from_seq > s.start) as read,
           sum(to_seq - from_seq + 1) as kept,
           (select sum(upper(x) - lower(x)) from unnest(range_agg(int8range(from_seq, to_seq, '[]'))) x) as covered
    from reads where conversation_id = p.conversation_id and user_id = p.user_id) i on true
  where p.left_seq is null`;

/** Replies counted anew, where the books say otherwise. */
const AUDIT_REPLIES = `
  select m.id, m.reply_count, r.count from messages m
  cross join lateral (select count(*) from messages x where x.conversation_id = m.conversation_id and x.parent_id = m.id
                      and x.deleted_at is null) r
  where coalesce(m.reply_count, 0) <> r.count`;

async function audit(): Promise<number> {
  const miscounted = await withClient(database.connection, (client) => client.query(AUDIT_REPLIES));
  expect(miscounted.rows).toEqual([]);
  const rows = await withClient(database.connection, async (client) => (await client.query(AUDIT)).rows);
  for (const row of rows) {
    const where = { conversation: row.conversation_id, user: row.user_id };
    expect({ ...where, unread: row.said, named: row.named_said, own: row.own_said, n: row.last_n }).toEqual({
      ...where,
      unread: row.counted,
      named: row.named_counted,
      own: row.own_counted,
      n: row.n,
    });
    // Intervals overlap nowhere, and those of this stay are all there is up to the mark, and single messages above it.
    expect({ ...where, kept: row.kept, read: row.read }).toEqual({
      ...where,
      kept: row.covered,
      read: row.stay,
    });
  }
  return rows.length;
}

test("what is said to be unread is what a recount finds, after everything at once from two nodes", async () => {
  const users = upTo(8).map((i) => `user-${i}`);
  const conversations = await Promise.all(upTo(4).map((i) => (nodes[i % 2] as WritingNode).open(users)));
  const sent: { conversationId: number; id: number; by: string }[] = [];
  const marks = new Map<string, number>();

  const act = async (userId: string): Promise<void> => {
    const node = any(nodes);
    const conversationId = any(conversations);
    const dice = Math.random();
    if (dice < 0.42) {
      const parents = sent.filter((one) => one.conversationId === conversationId).slice(-20);
      const said = {
        ...(Math.random() < 0.3 && { mentions: [...new Set([any(users), any(users)])] }),
        parentId: Math.random() < 0.3 ? (any(parents)?.id ?? null) : null,
      };
      const ack = await node
        .send({ conversationId, senderId: userId, content: "x", ...said })
        .catch(() => null);
      if (ack !== null) sent.push({ conversationId, id: ack.id, by: userId });
    } else if (dice < 0.46) {
      await node
        .send({ conversationId, senderId: userId, type: "system", content: "it happened" })
        .catch(() => null);
    } else if (dice < 0.51 && sent.length > 0) {
      const { conversationId, id, by } = any(sent);
      await node.change({ kind: "delete", conversationId, by, messageId: id });
    } else if (dice < 0.56 && sent.length > 0) {
      const { conversationId, id, by } = any(sent);
      const mentions = Math.random() < 0.5 ? [any(users)] : [];
      await node.change({
        kind: "edit",
        conversationId,
        by,
        messageId: id,
        content: `${Math.random()}`,
        mentions,
      });
    } else if (dice < 0.74) {
      const standing = await node.store.reader.standing(conversationId, userId);
      const readSeq = Math.ceil((standing?.clock ?? 0) * Math.random());
      const reading = node.writer.mark({ conversationId, userId, deliveredSeq: 0, readSeq });
      // While one's own message is on its way.
      if (Math.random() < 0.5)
        await Promise.allSettled([reading, any(nodes).send({ conversationId, senderId: userId })]);
      const moved = await reading;
      const key = `${conversationId} ${userId}`;
      if (moved !== null) marks.set(key, Math.max(marks.get(key) ?? 0, moved.readSeq));
    } else if (dice < 0.82 && sent.length > 0) {
      const { conversationId, id } = any(sent.slice(-30));
      const seq = (await node.store.reader.message(conversationId, id))?.seq as number;
      const more = { conversationId, userId, deliveredSeq: 0, readSeq: Math.random() < 0.3 ? seq - 2 : 0 };
      await Promise.all([
        node.writer.markMessage({ conversationId, userId, seq }),
        any(nodes).writer.mark(more),
      ]);
    } else if (dice < 0.91) {
      const standing = await node.store.reader.standing(conversationId, userId);
      const fromSeq = Math.ceil((standing?.clock ?? 1) * Math.random());
      await Promise.all([
        node.writer.markUnread(conversationId, userId, fromSeq),
        Math.random() < 0.3 ? any(nodes).read(conversationId, userId, fromSeq + 3) : null,
      ]);
    } else if (dice < 0.95) {
      await node.change({ kind: "remove", conversationId, by: userId, tell: true, userId: any(users) });
    } else {
      await node.change({
        kind: "add",
        conversationId,
        by: "user-1",
        tell: true,
        userIds: [any(users)],
        maxParticipants: 100,
      });
    }
  };

  let done = false;
  const watching = neverBack(() => done);
  for (let round = 0; round < 4; round++) {
    await Promise.all(
      [...users, ...users].map(async (userId) => {
        for (let i = 0; i < 25; i++) await act(userId);
      }),
    );
    expect(await audit()).toBeGreaterThan(8);
  }
  done = true;
  expect(await watching).toBeGreaterThan(20);
  // No mark that was answered is later lost, unless its owner left.
  for (const [key, readSeq] of marks) {
    const [conversationId, userId] = key.split(" ") as [string, string];
    await withClient(database.connection, async (client) => {
      const { rows } = await client.query(
        "select read_seq::int from participants where conversation_id = $1 and user_id = $2",
        [conversationId, userId],
      );
      expect(rows[0].read_seq).toBeGreaterThanOrEqual(readSeq);
    });
  }
});

/** Looks at all marks again and again: none goes back. Answers how often it looked. */
async function neverBack(done: () => boolean): Promise<number> {
  const client = new Client(database.connection);
  await client.connect();
  const last = new Map<string, [number, number]>();
  let looks = 0;
  for (; !done(); looks++) {
    const { rows } = await client.query(
      "select conversation_id || ' ' || user_id as key, read_seq::int as read, delivered_seq::int as delivered from participants",
    );
    for (const { key, read, delivered } of rows) {
      const [readBefore, deliveredBefore] = last.get(key) ?? [0, 0];
      expect(read).toBeGreaterThanOrEqual(readBefore);
      expect(delivered).toBeGreaterThanOrEqual(deliveredBefore);
      expect(delivered).toBeGreaterThanOrEqual(read);
      last.set(key, [read, delivered]);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await client.end();
  return looks;
}

test("marks written at once from two nodes end at the greatest, in one chain of intervals", async () => {
  const conversationId = await nodes[0].open(["ann", "bob"]);
  for (let i = 0; i < 50; i++) await nodes[0].send({ conversationId, senderId: "ann" });
  await Promise.all(
    upTo(50).map((readSeq) => (nodes[readSeq % 2] as WritingNode).read(conversationId, "bob", readSeq)),
  );
  await nodes[0].read(conversationId, "bob", 3);
  const [entry] = await nodes[1].store.reader.entries("bob", [conversationId]);
  expect(entry?.unread).toBe(1);
  await nodes[0].read(conversationId, "bob", Number.MAX_SAFE_INTEGER);
  expect((await nodes[1].store.reader.entries("bob", [conversationId]))[0]?.unread).toBe(0);
  await audit();
});

test("messages read one by one leave their unread neighbours so; the mark follows where nothing is in its way", async () => {
  const conversationId = await nodes[0].open(["ann", "bob"]);
  const send = async (senderId: string, type: "text" | "system" = "text") =>
    (await nodes[0].send({ conversationId, senderId, type })).seq;
  const [a2, , a4, , a6, a7] = [
    await send("ann"),
    await send("bob"),
    await send("ann"),
    await send("ann", "system"),
    await send("ann"),
    await send("ann"),
  ];
  const read = async (seq: number, userId = "bob") => {
    await nodes[1].writer.markMessage({ conversationId, userId, seq });
    return await standing(userId);
  };
  const standing = async (userId = "bob") => {
    const [entry] = await nodes[1].store.reader.entries(userId, [conversationId]);
    const rows = await withClient(
      database.connection,
      async (client) =>
        (
          await client.query(
            "select read_seq::int as mark, read_above::text as above from participants where conversation_id = $1 and user_id = $2",
            [conversationId, userId],
          )
        ).rows,
    );
    return { unread: entry?.unread, ...rows[0] };
  };
  expect(await standing()).toEqual({ unread: 4, mark: 0, above: "{}" });
  // Bob's own 3 is above nothing he has read; ann's 6 stands alone.
  expect(await read(a6)).toEqual({ unread: 3, mark: 0, above: "{[4,5)}" });
  expect(await read(a6)).toEqual({ unread: 3, mark: 0, above: "{[4,5)}" });
  expect(await read(a2)).toEqual({ unread: 2, mark: 3, above: "{[4,5)}" });
  // Up to and over the one that was read, past the SYSTEM message.
  expect(await read(a4)).toEqual({ unread: 1, mark: a6, above: "{}" });
  await nodes[0].change({
    kind: "delete",
    conversationId,
    by: "ann",
    messageId: (await nodes[0].history(conversationId)).at(-1)?.id as number,
  });
  expect(await standing()).toEqual({ unread: 0, mark: a6, above: "{}" });
  const last = await send("ann");
  // A deleted message is in nobody's way.
  expect(await read(last)).toEqual({ unread: 0, mark: last, above: "{}" });
  expect(await read(a7, "ann")).toEqual({ unread: 1, mark: 0, above: "{}" });
  await audit();
});

test("whoever reads each message as it comes has a mark and no list of exceptions, however many their own between", async () => {
  const conversationId = await nodes[0].open(["ann", "bob"]);
  for (let i = 0; i < 250; i++) await nodes[0].send({ conversationId, senderId: "bob" });
  for (let i = 0; i < 30; i++) {
    const { seq } = await nodes[0].send({ conversationId, senderId: "ann" });
    await nodes[0].send({ conversationId, senderId: "bob" });
    await nodes[0].writer.markMessage({ conversationId, userId: "bob", seq });
  }
  await withClient(database.connection, async (client) => {
    const { rows } = await client.query(
      "select read_seq::int as mark, read_above::text as above from participants where conversation_id = $1 and user_id = 'bob'",
      [conversationId],
    );
    const [last] = (await nodes[0].history(conversationId)).slice(-1);
    expect(rows).toEqual([{ mark: last?.seq, above: "{}" }]);
  });
  await audit();
});

test("a note to oneself is read by itself, and only that one", async () => {
  const conversationId = await nodes[0].store.ids.conversation();
  await nodes[0].writer.change({
    kind: "open",
    conversationId,
    by: null,
    asRole: null,
    conversationKind: "direct",
    name: null,
    people: [{ userId: "ann", role: "member" }],
    settings: DEFAULT_SETTINGS,
    pair: JSON.stringify(["ann", "ann"]),
  });
  const seqs = [];
  for (let i = 0; i < 3; i++) seqs.push((await nodes[0].send({ conversationId, senderId: "ann" })).seq);
  await nodes[0].writer.markMessage({ conversationId, userId: "ann", seq: seqs[1] as number });
  const page = () => nodes[0].store.reader.page({ conversationId, fromSeq: 0, offset: 0, limit: 9 });
  expect((await page()).messages.map(({ state }) => state)).toEqual(["sent", "read", "sent"]);
  await nodes[0].writer.markMessage({ conversationId, userId: "ann", seq: seqs[0] as number });
  expect((await page()).messages.map(({ state }) => state)).toEqual(["sent", "read", "read"]);
  await audit();
});

test("unread set back to before one's joining counts, and is read one by one and as a whole", async () => {
  const [node] = nodes;
  const conversationId = await node.open(["ann", "bob"]);
  for (let i = 0; i < 4; i++) await node.send({ conversationId, senderId: "ann" });
  await node.change({ kind: "add", conversationId, by: "ann", userIds: ["cyd"], maxParticipants: 9 });
  await node.send({ conversationId, senderId: "cyd" });
  await node.send({ conversationId, senderId: "ann" });
  const unread = async () => {
    await audit();
    return (await node.store.reader.entries("cyd", [conversationId]))[0]?.unread;
  };
  const readOne = (seq: number) => node.writer.markMessage({ conversationId, userId: "cyd", seq });
  expect(await unread()).toBe(1);
  expect(await node.writer.markUnread(conversationId, "cyd", 3)).toEqual({ unread: 4, unreadMentions: 0 });
  await readOne(4);
  expect(await unread()).toBe(3);
  // The mark follows, and what was set back stays so.
  await readOne(8);
  expect(await unread()).toBe(2);
  await node.send({ conversationId, senderId: "ann" });
  await node.read(conversationId, "cyd", 4);
  expect(await unread()).toBe(2);
  await node.read(conversationId, "cyd", 9);
  expect(await unread()).toBe(0);
  // One's own message is no part of what is unread from it on.
  expect(await node.writer.markUnread(conversationId, "cyd", 7)).toEqual({ unread: 2, unreadMentions: 0 });
  expect(await unread()).toBe(2);
});

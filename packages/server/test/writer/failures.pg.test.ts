import { randomBytes, randomUUID } from "node:crypto";
import type { Stored } from "@parlance/protocol/commands.ts";
import type { Message } from "@parlance/protocol/model.ts";
import { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Forwarder, startForwarder } from "../support/forwarder.ts";
import { seeded, startNode, upTo, type WritingNode } from "../support/node.ts";
import { createMigratedDatabase, type TestDatabase, withClient } from "../support/postgres.ts";

let database: TestDatabase;
let forwarder: Forwarder;
/** Its wire is sound. */
let node: WritingNode;

beforeAll(async () => {
  database = await createMigratedDatabase("failures");
  forwarder = await startForwarder(database.connection);
  node = await startNode(database.connection);
});

afterAll(async () => {
  await node.close();
  await forwarder[Symbol.asyncDispose]();
  await database.drop();
});

const LONE_SURROGATE = "\ud800";
/** Longer than a B-tree entry may be, and nothing to compress. */
const oversizeKey = () => randomBytes(6_000).toString("base64url");

test.each([
  ["NUL in the text", { content: "a\0b" }],
  ["a lone surrogate in the metadata", { metadata: { text: LONE_SURROGATE } }],
  ["a key too long for its index", { idempotencyKey: oversizeKey() }],
])("%s, one among 500: refused alone, the rest stored in order", async (_, poison) => {
  const conversationId = await node.open(["ann"]);
  const drafts = await Promise.all(
    upTo(500).map((i) =>
      node.draft({ conversationId, senderId: "ann", content: `${i}`, ...(i === 321 ? poison : {}) }),
    ),
  );
  const answers = await Promise.allSettled(drafts.map((draft) => node.writer.send(draft, undefined)));
  expect(answers.flatMap((answer, i) => (answer.status === "rejected" ? [i + 1] : []))).toEqual([321]);
  expect((answers[320] as PromiseRejectedResult).reason).toMatchObject({ code: "invalid" });
  const history = await node.history(conversationId);
  expect(history.map((message) => message.content)).toEqual(
    upTo(500)
      .filter((i) => i !== 321)
      .map(String),
  );
  expect(history.map((message) => message.seq)).toEqual(upTo(499).map((i) => i + 1));
});

test("poisoned drafts while another node holds one of the conversations keep everybody's order", async () => {
  const held = await node.open(["ann"]);
  const free = await node.open(["ann"]);
  await withClient(database.connection, async (other) => {
    await other.query("begin");
    await other.query("select from conversations where id = $1 for update", [held]);
    const drafts = await Promise.all(
      upTo(100).map((i) =>
        node.draft({
          conversationId: i % 2 === 0 ? held : free,
          senderId: "ann",
          content: i % 17 === 0 ? "\0" : `${i}`,
        }),
      ),
    );
    const sent = Promise.allSettled(drafts.map((draft) => node.writer.send(draft, undefined)));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await other.query("rollback");
    await sent;
  });
  for (const [conversationId, rest] of [
    [held, 0],
    [free, 1],
  ] as const) {
    const history = await node.history(conversationId);
    expect(history.map((message) => Number(message.content))).toEqual(
      upTo(100).filter((i) => i % 2 === rest && i % 17 !== 0),
    );
  }
});

/** Everything acknowledged stands once in history, where the ack says, and nothing else stands there. */
function expectOnce(history: readonly Message[], acks: readonly Stored[], sent: ReadonlySet<number>): void {
  const ids = history.map((message) => message.id);
  expect(new Set(ids).size).toBe(ids.length);
  const seqs = new Map(history.map((message) => [message.id, message.seq]));
  for (const ack of acks) expect(seqs.get(ack.id)).toBe(ack.seq);
  for (const id of ids) expect(sent.has(id)).toBe(true);
  expect(history.map((message) => message.seq)).toEqual(history.map((_, i) => i + 2));
}

/** Sends one after the other from several hands, without keys, until told to stop. */
async function sendAlong(on: WritingNode, conversationId: number, total: number) {
  const acks: Stored[] = [];
  const sent = new Set<number>();
  await Promise.all(
    upTo(8).map(async () => {
      while (sent.size < total) {
        const draft = await on.draft({ conversationId, senderId: "ann", content: randomUUID() });
        sent.add(draft.id);
        acks.push(await on.writer.send(draft, undefined));
      }
    }),
  );
  return { acks, sent };
}

test("backends ended at random moments: nothing lost, nothing twice, nobody hears of it", async () => {
  await using other = await startNode(database.connection, { lanes: 1 });
  const conversationId = await node.open(["ann"]);
  let done = false;
  let ended = 0;
  const killing = withClient(database.connection, async (client) => {
    while (!done) {
      // Both nodes' lanes, in the middle of something.
      const { rows } = await client.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and query like '%append_messages%' and pid <> pg_backend_pid()
         order by random() limit 1`,
      );
      ended += rows.length;
      await new Promise((resolve) => setTimeout(resolve, 15 + Math.random() * 30));
    }
  });
  const results = await Promise.all([
    sendAlong(node, conversationId, 400),
    sendAlong(other, conversationId, 400),
  ]);
  done = true;
  await killing;
  expect(ended).toBeGreaterThan(3);
  expectOnce(
    await node.history(conversationId),
    results.flatMap((result) => result.acks),
    new Set(results.flatMap((result) => [...result.sent])),
  );
});

test("answers lost after the commit: keyless drafts are still stored once, in order", async () => {
  await using far = await startNode(forwarder.connection, { lanes: 1, maxBatch: 20 });
  const conversationId = await node.open(["ann"]);
  const random = seeded(7);
  const before = forwarder.cuts();
  // Past what a connection is set up with, or the lane would never be back.
  forwarder.losing = (nth) => nth > 20 && random(2) === 0;
  // Another node writes along, so that the lost batch finds its conversation held when it comes again.
  const [lossy, sound] = await Promise.all([
    sendAlong(far, conversationId, 300),
    sendAlong(node, conversationId, 300),
  ]).finally(() => {
    forwarder.losing = () => false;
  });
  expect(forwarder.cuts() - before).toBeGreaterThan(2);
  expectOnce(
    await node.history(conversationId),
    [...lossy.acks, ...sound.acks],
    new Set([...lossy.sent, ...sound.sent]),
  );
  expect([...lossy.acks, ...sound.acks].every((ack) => !ack.duplicate)).toBe(true);
});

test("a draft whose answer was lost is looked up also when its conversation is held at the second try", async () => {
  await using far = await startNode(forwarder.connection, { lanes: 1 });
  const conversationId = await node.open(["ann"]);
  await far.send({ conversationId, senderId: "ann", content: "warm" });
  const other = new Client(database.connection);
  await other.connect();
  let held: Promise<unknown> | null = null;
  forwarder.losing = () => {
    // The commit is done: take the conversation before the lane is back.
    if (held !== null) return false;
    held = other
      .query("begin")
      .then(() => other.query("select from conversations where id = $1 for update", [conversationId]));
    return true;
  };
  const sent = far.send({ conversationId, senderId: "ann", content: "once" });
  await new Promise((resolve) => setTimeout(resolve, 300));
  forwarder.losing = () => false;
  await other.query("rollback");
  await other.end();
  const { id, seq } = await sent;
  expect((await node.history(conversationId)).map((message) => [message.id, message.seq]).slice(1)).toEqual([
    [id, seq],
  ]);
});

test("changes whose answer was lost are answered as the first time and applied once", async () => {
  await using far = await startNode(forwarder.connection, { lanes: 1 });
  const conversationId = await far.open(["ann", "bob", "cyd"]);
  const { id: messageId } = await far.send({ conversationId, senderId: "ann", content: "a" });
  let losses = 0;
  const losing = async <T>(work: () => Promise<T>): Promise<T> => {
    let left = 1;
    forwarder.losing = () => left-- > 0;
    try {
      return await work();
    } finally {
      losses++;
      forwarder.losing = () => false;
    }
  };
  const ann = { conversationId, by: "ann", asRole: "owner" } as const;
  const writer = far.writer;
  const edit = (content: string) => writer.change({ ...ann, kind: "edit", messageId, content });
  expect(await losing(() => edit("b"))).toMatchObject({ seq: 3, changed: true });
  expect(await losing(() => Promise.all([edit("c"), edit("d")]))).toMatchObject([
    { seq: 4, message: { content: "c" } },
    { seq: 5, message: { content: "d" } },
  ]);
  const cyd = { conversationId, by: "cyd", asRole: "member" } as const;
  expect(await losing(() => writer.change({ ...cyd, kind: "remove", userId: "cyd" }))).toMatchObject({
    seq: 6,
    changed: true,
  });
  expect(
    await losing(() => writer.change({ ...ann, kind: "role", userId: "bob", role: "owner" })),
  ).toMatchObject({
    seq: 7,
    changed: true,
  });
  expect(
    await losing(() => writer.change({ ...ann, kind: "role", userId: "ann", role: "member" })),
  ).toMatchObject({
    seq: 8,
    changed: true,
  });
  const opened = await losing(() => far.open(["ann", "bob"]));
  expect(await node.store.reader.standing(opened, "ann")).toMatchObject({ clock: 1, role: "owner" });
  expect(await node.store.reader.standing(conversationId, "ann")).toMatchObject({ clock: 8, role: "member" });
  expect(losses).toBe(6);
});

test("a removal and a send race: stored below the removal's tick or refused, never a third", async () => {
  const other = await startNode(database.connection);
  const outcomes = { stored: 0, refused: 0 };
  const races = upTo(300).map((i) => async () => {
    const conversationId = await node.open(["ann", "bob"]);
    const send = () => other.send({ conversationId, senderId: "bob", content: `${i}` });
    const remove = () => node.change({ kind: "remove", conversationId, by: "ann", userId: "bob" });
    const [removed, ...sends] = await Promise.allSettled(
      i % 3 === 0
        ? [remove(), send(), delayed(send, 1)]
        : [delayed(remove, i % 4), send(), delayed(send, i % 5)],
    );
    const seq = removed?.status === "fulfilled" && "seq" in removed.value ? removed.value.seq : 0;
    expect(seq).toBeGreaterThan(1);
    for (const sent of sends) {
      if (sent.status === "fulfilled") {
        outcomes.stored++;
        expect((sent.value as Stored).seq).toBeLessThan(seq);
      } else {
        outcomes.refused++;
        expect(sent.reason).toMatchObject({ code: "not_participant" });
      }
    }
    const history = await node.history(conversationId);
    expect(history.length).toBe(sends.filter((sent) => sent.status === "fulfilled").length);
  });
  for (let i = 0; i < races.length; i += 20) await Promise.all(races.slice(i, i + 20).map((race) => race()));
  await other.close();
  expect(outcomes.stored).toBeGreaterThan(10);
  expect(outcomes.refused).toBeGreaterThan(10);
});

async function delayed<T>(work: () => Promise<T>, ms: number): Promise<T> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return await work();
}

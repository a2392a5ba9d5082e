import { Refusal } from "@parlance/protocol/errors.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createInProcessBus } from "../../src/adapters/bus/in-process-bus.ts";
import { startForwarder } from "../support/forwarder.ts";
import { startNode, upTo, type WritingNode } from "../support/node.ts";
import { createMigratedDatabase, type TestDatabase, withClient } from "../support/postgres.ts";

let database: TestDatabase;
let node: WritingNode;

beforeAll(async () => {
  database = await createMigratedDatabase("waiting");
  node = await startNode(database.connection);
});

afterAll(async () => {
  await node.close();
  await database.drop();
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Opens conversations until there is one on each of the node's two lanes. */
async function onBothLanes(): Promise<[number, number]> {
  const first = await node.open(["ann", "bob"]);
  for (;;) {
    const second = await node.open(["ann", "bob"]);
    if (second % 2 !== first % 2) return [first, second];
  }
}

test("a conversation that is held elsewhere is skipped, then waited for; the rest does not wait", async () => {
  const waits: boolean[] = [];
  await using watched = await startNode(database.connection, {
    wrap: (log) => ({
      ...log,
      append(drafts, options) {
        if (drafts.some((draft) => draft.conversationId === held)) waits.push(options.wait);
        return log.append(drafts, options);
      },
    }),
  });
  const [held, elsewhere] = await onBothLanes();
  let neighbour = await node.open(["ann"]);
  while (neighbour % 2 !== held % 2) neighbour = await node.open(["ann"]);

  await withClient(database.connection, async (other) => {
    await other.query("begin");
    await other.query("select from conversations where id = $1 for no key update", [held]);
    const settled: string[] = [];
    const send = (conversationId: number, content: string) =>
      watched.send({ conversationId, senderId: "ann", content }).then((ack) => {
        settled.push(content);
        return ack;
      });
    const waiting = [send(held, "held 1"), send(neighbour, "beside"), send(held, "held 2")];
    await waiting[1];
    await send(elsewhere, "other lane");
    waiting.push(send(held, "held 3"));
    await pause(200);
    expect(settled).toEqual(["beside", "other lane"]);
    await other.query("commit");
    await Promise.all(waiting);
  });
  expect(waits.slice(0, 4)).toEqual([false, false, false, true]);
  const history = await node.history(held);
  expect(history.map((message) => message.content)).toEqual(["held 1", "held 2", "held 3"]);
});

test("a deadlock is tried again and nobody hears of it", async () => {
  const [first] = await onBothLanes();
  let second = await node.open(["ann", "bob"]);
  while (second % 2 !== first % 2) second = await node.open(["ann", "bob"]);
  const [low, high] = first < second ? [first, second] : [second, first];
  const codes: string[] = [];
  await using watched = await startNode(database.connection, {
    wrap: (log) => ({
      ...log,
      async append(drafts, options) {
        try {
          return await log.append(drafts, options);
        } catch (error) {
          codes.push((error as { code: string }).code);
          throw error;
        }
      },
    }),
  });
  await withClient(database.connection, async (other) => {
    const take = (id: number) =>
      other.query("update participants set muted = muted where conversation_id = $1 and user_id = 'ann'", [
        id,
      ]);
    await other.query("begin");
    await take(high);
    const sent = Promise.all([low, high].map((id) => watched.send({ conversationId: id, senderId: "ann" })));
    await withClient(database.connection, async (third) => {
      for (;;) {
        const { rows } = await third.query(
          "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        );
        if (rows.length > 0) break;
      }
    });
    await take(low);
    await other.query("commit");
    expect((await sent).map((ack) => ack.duplicate)).toEqual([false, false]);
  });
  expect(codes).toEqual(["40P01"]);
  for (const id of [low, high]) expect((await node.history(id)).length).toBe(1);
});

test("a store down for longer than patience: all that waits is answered unavailable, and the lane lives on", async () => {
  await using forwarder = await startForwarder(database.connection);
  await using far = await startNode(forwarder.connection, { lanes: 1, patienceMs: 400 });
  const conversationId = await far.open(["ann"]);
  const drafts = await Promise.all(upTo(50).map(() => far.draft({ conversationId, senderId: "ann" })));
  forwarder.down(true);
  const sent = drafts.map((draft) => far.writer.send(draft, undefined));
  const changed = far.writer.change({
    kind: "settings",
    conversationId,
    by: "ann",
    asRole: "owner",
    name: "new",
  });
  const answers = await Promise.allSettled<unknown>([...sent, changed]);
  for (const answer of answers) {
    expect((answer as PromiseRejectedResult).reason).toBeInstanceOf(Refusal);
    expect((answer as PromiseRejectedResult).reason).toMatchObject({ code: "unavailable" });
  }
  expect(far.writer.waiting()).toBe(0);
  expect(await node.history(conversationId)).toEqual([]);

  forwarder.down(false);
  const ack = await retried(() => far.send({ conversationId, senderId: "ann", content: "again" }));
  expect((await node.history(conversationId)).map((message) => message.id)).toEqual([ack.id]);
});

test("a long queue does not wait for its store batch by batch: all are answered soon after patience", async () => {
  await using forwarder = await startForwarder(database.connection);
  let batches = 0;
  await using far = await startNode(forwarder.connection, {
    lanes: 1,
    maxBatch: 5,
    patienceMs: 400,
    wrap: (log) => ({
      ...log,
      append(drafts, options) {
        batches++;
        return log.append(drafts, options);
      },
    }),
  });
  const conversationId = await far.open(["ann"]);
  const drafts = await Promise.all(upTo(200).map(() => far.draft({ conversationId, senderId: "ann" })));
  forwarder.down(true);
  const answers = await Promise.allSettled(drafts.map((draft) => far.writer.send(draft, undefined)));
  for (const answer of answers) {
    expect((answer as PromiseRejectedResult).reason).toMatchObject({ code: "unavailable" });
  }
  // Each of the forty would have waited for a connection.
  expect(batches).toBeLessThan(6);
});

test("a store that is back within patience costs nobody an error", async () => {
  await using forwarder = await startForwarder(database.connection);
  await using far = await startNode(forwarder.connection, { lanes: 1, patienceMs: 15_000 });
  const conversationId = await far.open(["ann"]);
  const drafts = await Promise.all(upTo(50).map(() => far.draft({ conversationId, senderId: "ann" })));
  forwarder.down(true);
  const sent = drafts.map((draft) => far.writer.send(draft, undefined));
  await pause(500);
  forwarder.down(false);
  expect((await Promise.all(sent)).map((ack) => ack.seq)).toEqual(upTo(50).map((i) => i + 1));
});

test("an overfull writer refuses before it accepts, and what it accepted is stored", async () => {
  await using small = await startNode(database.connection, { maxQueued: 30, maxBatch: 10, lanes: 1 });
  const conversationId = await small.open(["ann"]);
  const drafts = await Promise.all(upTo(50).map(() => small.draft({ conversationId, senderId: "ann" })));
  const answers = await Promise.allSettled(drafts.map((draft) => small.writer.send(draft, undefined)));
  expect(answers.map((answer) => answer.status)).toEqual([
    ...upTo(30).map(() => "fulfilled"),
    ...upTo(20).map(() => "rejected"),
  ]);
  for (const answer of answers.slice(30)) {
    expect((answer as PromiseRejectedResult).reason).toMatchObject({ code: "overloaded", retryAfter: 1 });
  }
  expect((await small.history(conversationId)).length).toBe(30);
  await small.send({ conversationId, senderId: "ann" });
});

test("a writer that holds as many bytes as it may refuses, whatever they are: texts, metadata or people", async () => {
  await using small = await startNode(database.connection, { maxQueuedBytes: 20_000, lanes: 1 });
  const conversationId = await small.open(["ann"]);
  const metadata = { note: "x".repeat(1_000) };
  const drafts = await Promise.all(
    upTo(10).map(() => small.draft({ conversationId, senderId: "ann", metadata })),
  );
  const people = upTo(1_000).map((i) => `person-${i}`);
  const add = { kind: "add", conversationId, by: "ann", asRole: "owner", maxParticipants: 5_000 } as const;
  const statuses = async (...work: Promise<unknown>[]) =>
    (await Promise.allSettled(work)).map((one) => (one.status === "fulfilled" ? "" : one.reason.code));
  expect(await statuses(...drafts.map((draft) => small.writer.send(draft, undefined)))).toEqual([
    ...upTo(7).map(() => ""),
    ...upTo(3).map(() => "overloaded"),
  ]);
  const renamed = { kind: "settings", conversationId, by: "ann", asRole: "owner", name: "new" } as const;
  expect(
    await statuses(small.writer.change({ ...add, userIds: people }), small.writer.change(renamed)),
  ).toEqual(["", "overloaded"]);
  expect(await statuses(small.writer.change(renamed))).toEqual([""]);
});

test("what counts as bytes binds a batch too", async () => {
  const batches: number[] = [];
  await using small = await startNode(database.connection, {
    maxBatchBytes: 10_000,
    lanes: 1,
    wrap: (log) => ({
      ...log,
      append(drafts, options) {
        batches.push(drafts.length);
        return log.append(drafts, options);
      },
    }),
  });
  const conversationId = await small.open(["ann"]);
  const metadata = { note: "x".repeat(1_000) };
  await Promise.all(upTo(12).map(() => small.send({ conversationId, senderId: "ann", metadata })));
  expect(Math.max(...batches)).toBeLessThanOrEqual(4);
});

test("a mark that cannot be stored is refused alone", async () => {
  const conversationId = await node.open(["ann", "bob"]);
  await node.send({ conversationId, senderId: "ann" });
  const wish = { conversationId, deliveredSeq: 2, readSeq: 2 };
  const answers = await Promise.allSettled(
    ["ann", "nobody", "\0", "bob", "no one"].map((userId) => node.writer.mark({ ...wish, userId })),
  );
  expect(answers.map((answer) => (answer.status === "fulfilled" ? answer.value?.readSeq : null))).toEqual([
    2,
    undefined,
    null,
    2,
    undefined,
  ]);
  expect((answers[2] as PromiseRejectedResult).reason).toMatchObject({ code: "invalid" });
});

test("a bus that fails takes neither the acks nor the lane with it", async () => {
  const bus = createInProcessBus();
  await using deaf = await startNode(database.connection, { bus, lanes: 1 });
  const conversationId = await deaf.open(["ann"]);
  await bus.subscribe(`conversation:${conversationId}`);
  bus.listen({
    news() {
      throw new Error("nobody can be told");
    },
    lost() {},
  });
  const acks = await Promise.all(upTo(20).map(() => deaf.send({ conversationId, senderId: "ann" })));
  expect(acks.map((ack) => ack.seq)).toEqual(upTo(20).map((i) => i + 1));
  const renamed = await deaf.change({ kind: "settings", conversationId, by: "ann", name: "new" });
  expect(renamed).toMatchObject({ seq: 22, changed: true });
  expect(await deaf.send({ conversationId, senderId: "ann" })).toMatchObject({ seq: 23 });
});

test("a writer drains: what it accepted is settled and no timer is left", async () => {
  const closing = await startNode(database.connection);
  const conversationId = await closing.open(["ann"]);
  const drafts = await Promise.all(upTo(200).map(() => closing.draft({ conversationId, senderId: "ann" })));
  let settled = 0;
  for (const draft of drafts) void closing.writer.send(draft, undefined).then(() => settled++);
  closing.writer.noteDelivered(conversationId, "ann", 1);
  await closing.writer.drain();
  expect(settled).toBe(200);
  await closing.store.close();
  const [mark] = await node.store.ticks
    .marksSince("ann", 0, 100)
    .then((marks) => marks.filter((one) => one.conversationId === conversationId));
  expect(mark?.deliveredSeq).toBe(1);
});

async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      expect(error).toMatchObject({ code: "unavailable" });
      await pause(100);
    }
  }
}

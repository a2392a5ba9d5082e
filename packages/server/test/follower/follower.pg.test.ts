import { afterAll, beforeAll, expect, test } from "vitest";
import { connectStore, type PostgresStore } from "../../src/adapters/store/postgres-store.ts";
import type { Consumer, FollowBatch } from "../../src/core/ports/follow.ts";
import { silentLog } from "../../src/core/ports/log.ts";
import { StoreError } from "../../src/core/ports/message-log.ts";
import { type Follower, startFollower } from "../../src/follower/follower.ts";
import { seeded, startNode, upTo, type WritingNode } from "../support/node.ts";
import { createMigratedDatabase, type TestDatabase, withClient } from "../support/postgres.ts";

let database: TestDatabase;
let node: WritingNode;

beforeAll(async () => {
  database = await createMigratedDatabase("follower");
  node = await startNode(database.connection, { lanes: 4 });
});
afterAll(async () => {
  await node.close();
  await database.drop();
});

/** Notes how far it has seen each conversation, and whatever was not the next of it. */
class Witness {
  readonly seen = new Map<number, number>();
  readonly holes: FollowBatch[] = [];
  repeats = 0;

  see(batch: FollowBatch): void {
    for (const { conversationId, since, through } of batch.ranges) {
      const before = this.seen.get(conversationId) ?? 0;
      if (since > before || through <= since) this.holes.push(batch);
      if (since < before) this.repeats++;
      this.seen.set(conversationId, Math.max(before, through));
    }
  }
}

function follow(
  store: PostgresStore,
  holder: string,
  consumer: Pick<Consumer, "name" | "consume"> & Partial<Consumer>,
): Follower {
  return startFollower({
    store: store.follow,
    consumer: { from: "beginning", ...consumer },
    holder,
    log: silentLog,
    isBusy: () => false,
    pollMs: 5,
    idleMs: 5,
    leaseMs: 150,
    lookTicks: 50,
    maxTicks: 20,
  });
}

const clocks = async (): Promise<Map<number, number>> =>
  withClient(database.connection, async (client) => {
    const { rows } = await client.query("select id, clock from conversations");
    return new Map(rows.map(({ id, clock }) => [Number(id), Number(clock)]));
  });

const left = (): Promise<unknown> =>
  withClient(database.connection, async (client) => {
    const { rows } = await client.query(
      "select (select count(*) from moves)::int as moves, (select count(*) from follower_ranges)::int as ranges",
    );
    return rows[0];
  });

const caughtUp = (seen: ReadonlyMap<number, number>) =>
  expect.poll(async () => Object.fromEntries(seen), { timeout: 30_000, interval: 50 });

test("every tick is seen in order under 24 writers, cut connections, and followers that die in the middle", async () => {
  const random = seeded(11);
  const nodes = await Promise.all(
    upTo(3).map(() => startNode(database.connection, { lanes: 8, maxBatch: 7 })),
  );
  const conversations = await Promise.all(upTo(12).map(() => node.open(["ann", "bob"])));
  const stores = await Promise.all(
    upTo(3).map(() =>
      connectStore({
        connection: database.connection,
        lanes: 1,
        readConnections: 1,
        patienceMs: 5_000,
        log: silentLog,
      }),
    ),
  );
  const witness = new Witness();
  let batches = 0;
  /** Sees, and then dies, stalls until another has taken over, or goes on. */
  const consumer = (store: PostgresStore): Pick<Consumer, "name" | "consume"> => ({
    name: "witness",
    async consume(batch) {
      const chance = random(20);
      if (chance === 0) throw new StoreError("again", "died before");
      if (chance === 1) await new Promise((resolve) => setTimeout(resolve, 400));
      else if (++batches % 8 === 0) {
        witness.see(batch);
        throw new StoreError("again", "died between");
      }
      await store.follow.settle(batch);
      witness.see(batch);
    },
  });
  let followers = stores.map((store, i) => follow(store, `node ${i}`, consumer(store)));

  let writing = true;
  const cut = (async () => {
    while (writing) {
      await new Promise((resolve) => setTimeout(resolve, 150));
      await withClient(database.connection, (client) =>
        client.query(
          `select pg_terminate_backend(pid) from pg_stat_activity
           where datname = current_database() and pid <> pg_backend_pid() order by random() limit 2`,
        ),
      );
    }
  })();
  const writers = upTo(24).map(async (w) => {
    const { send, change } = nodes[w % 3] as WritingNode;
    for (let i = 0; i < 60; i++) {
      const conversationId = conversations[random(12)] as number;
      const sent = await send({
        conversationId,
        senderId: w % 2 === 0 ? "ann" : "bob",
        content: `${w}-${i}`,
        idempotencyKey: `${w}-${i}`,
      }).catch(() => null);
      if (sent !== null && i % 5 === 0) {
        await change({
          kind: "edit",
          conversationId,
          by: w % 2 === 0 ? "ann" : "bob",
          messageId: sent.id,
          content: "x",
        }).catch(() => null);
      }
    }
  });
  // One of the processes is gone for good, another comes.
  await Promise.all(writers.slice(0, 8));
  await followers[0]?.stop();
  followers = [
    ...followers.slice(1),
    follow(stores[0] as PostgresStore, "a new node", consumer(stores[0] as PostgresStore)),
  ];
  await Promise.all(writers);
  writing = false;
  await cut;
  await Promise.all(nodes.map((one) => one.close()));

  await caughtUp(witness.seen).toEqual(Object.fromEntries(await clocks()));
  expect(witness.holes).toEqual([]);
  expect(witness.repeats).toBeGreaterThan(0);
  // What was seen by one that died before it could say so comes once more.
  await expect.poll(left, { timeout: 10_000 }).toEqual({ moves: 0, ranges: 0 });
  await Promise.all(followers.map((one) => one.stop()));
  await Promise.all(stores.map((store) => store.close()));
}, 90_000);

test("a consumer that comes later sees all there is, or only what comes", async () => {
  const conversationId = await node.open(["ann"]);
  await node.send({ conversationId, senderId: "ann", content: "before" });
  const [all, fresh] = [new Witness(), new Witness()];
  const witnessing =
    (witness: Witness): Consumer["consume"] =>
    async (batch) => {
      witness.see(batch);
      await node.store.follow.settle(batch);
    };
  // Whoever has followed before has taken what had moved.
  const others = follow(node.store, "n", { name: "all", consume: witnessing(all) });
  await caughtUp(all.seen).toEqual(Object.fromEntries(await clocks()));
  const followers = [
    others,
    follow(node.store, "n", { name: "fresh", from: "now", consume: witnessing(fresh) }),
  ];
  await expect
    .poll(() =>
      withClient(
        database.connection,
        async (client) => (await client.query("select from followers where consumer = 'fresh'")).rowCount,
      ),
    )
    .toBe(1);
  await Promise.all(upTo(50).map((i) => node.send({ conversationId, senderId: "ann", content: `${i}` })));
  const clock = 52;
  await caughtUp(all.seen).toMatchObject({ [conversationId]: clock });
  await caughtUp(fresh.seen).toEqual({ [conversationId]: clock });
  expect(all.holes).toEqual([]);
  expect(fresh.holes.length).toBeLessThanOrEqual(1);
  await Promise.all(followers.map((one) => one.stop()));
});

test("a tick that cannot be taken is noted and passed over, alone", async () => {
  const conversationId = await node.open(["ann"]);
  const bad = new Set([7, 23]);
  const taken = new Set<number>();
  await Promise.all(upTo(30).map((i) => node.send({ conversationId, senderId: "ann", content: `${i}` })));
  const follower = follow(node.store, "n", {
    name: "fragile",
    async consume(batch) {
      for (const range of batch.ranges) {
        if (range.conversationId !== conversationId) continue;
        for (let tick = range.since + 1; tick <= range.through; tick++) {
          if (bad.has(tick))
            throw tick === 7 ? new StoreError("poison", "22P05") : new TypeError("not like this");
        }
      }
      await node.store.follow.settle(batch);
      for (const range of batch.ranges) {
        if (range.conversationId !== conversationId) continue;
        for (let tick = range.since + 1; tick <= range.through; tick++) taken.add(tick);
      }
    },
  });
  await expect.poll(() => taken.size, { timeout: 10_000 }).toBe(29);
  await follower.stop();
  expect(taken).toEqual(new Set(upTo(31).filter((tick) => !bad.has(tick))));
  await withClient(database.connection, async (client) => {
    const { rows } = await client.query(
      "select conversation_id, tick, reason from follower_skips order by tick",
    );
    expect(rows).toEqual([
      { conversation_id: `${conversationId}`, tick: "7", reason: "22P05" },
      { conversation_id: `${conversationId}`, tick: "23", reason: "TypeError" },
    ]);
  });
});

test("one that rests looks when it is told that something has moved", async () => {
  const conversationId = await node.open(["ann"]);
  const witness = new Witness();
  const follower = startFollower({
    store: node.store.follow,
    consumer: {
      name: "resting",
      from: "beginning",
      async consume(batch) {
        witness.see(batch);
        await node.store.follow.settle(batch);
      },
    },
    holder: "n",
    log: silentLog,
    isBusy: () => false,
    pollMs: 5,
    idleMs: 600_000,
    leaseMs: 1_200_000,
  });
  await caughtUp(witness.seen).toEqual(Object.fromEntries(await clocks()));
  const { seq } = await node.send({ conversationId, senderId: "ann", content: "told" });
  follower.moved();
  await caughtUp(witness.seen).toMatchObject({ [conversationId]: seq });
  await follower.stop();
});

test("one that was overtaken can note nothing as done", async () => {
  const { follow: store } = node.store;
  await store.follow({ name: "taken", from: "beginning" });
  const first = await store.next("taken", "one", { leaseMs: 50, ticks: 5 });
  expect(await store.next("taken", "other", { leaseMs: 50, ticks: 5 })).toBeNull();
  await new Promise((resolve) => setTimeout(resolve, 80));
  const second = await store.next("taken", "other", { leaseMs: 50, ticks: 5 });
  expect(second?.batch.ranges).toEqual(first?.batch.ranges);
  await expect(store.settle(first?.batch as FollowBatch)).rejects.toMatchObject({ kind: "again" });
  await store.settle(second?.batch as FollowBatch);
  expect((await store.next("taken", "other", { leaseMs: 50, ticks: 5 }))?.batch.ranges).not.toEqual(
    first?.batch.ranges,
  );
});

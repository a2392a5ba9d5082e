import { afterAll, beforeAll, expect, test } from "vitest";
import { connectStore } from "../../src/adapters/store/postgres-store.ts";
import { silentLog } from "../../src/core/ports/log.ts";
import { StoreError } from "../../src/core/ports/message-log.ts";
import { type Forwarder, startForwarder } from "../support/forwarder.ts";
import { seeded, startNode, upTo, type WritingNode } from "../support/node.ts";
import { createMigratedDatabase, type TestDatabase, withClient } from "../support/postgres.ts";

let database: TestDatabase;
let forwarder: Forwarder;
let node: WritingNode;
let conversationId: number;

beforeAll(async () => {
  database = await createMigratedDatabase("connections");
  forwarder = await startForwarder(database.connection);
  node = await startNode(forwarder.connection, { readConnections: 2 });
  conversationId = await node.open(["ann"]);
});

afterAll(async () => {
  await node.close();
  await forwarder[Symbol.asyncDispose]();
  await database.drop();
});

test("a read whose connection is lost is asked again", async () => {
  const random = seeded(3);
  // Past what a connection is set up with.
  forwarder.losing = (nth) => nth > 20 && random(20) === 0;
  const before = forwarder.cuts();
  for (let round = 0; round < 60; round++) {
    const standings = await Promise.all(upTo(4).map(() => node.store.reader.standing(conversationId, "ann")));
    expect(standings.every((standing) => standing?.role === "owner")).toBe(true);
  }
  forwarder.losing = () => false;
  expect(forwarder.cuts() - before).toBeGreaterThan(2);
});

test("a store that does not come back within patience is unavailable, and is there again when it is back", async () => {
  await using far = await startNode(forwarder.connection, { patienceMs: 300 });
  forwarder.down(true);
  await expect(far.store.reader.standing(conversationId, "ann")).rejects.toMatchObject({
    kind: "unavailable",
  });
  await expect(far.store.probe()).rejects.toBeInstanceOf(StoreError);
  forwarder.down(false);
  // Each line may be in its longest pause between two tries (2 s, up to half as much again), and then connects.
  const timeout = 6_000;
  await expect
    .poll(
      () =>
        far.store
          .probe()
          .then(() => true)
          .catch(() => false),
      { timeout },
    )
    .toBe(true);
  await expect
    .poll(() => far.store.reader.standing(conversationId, "ann").catch(() => null), { timeout })
    .toMatchObject({ role: "owner" });
});

test("marks survive lost answers", async () => {
  for (let i = 0; i < 20; i++) await node.send({ conversationId, senderId: "ann" });
  for (let readSeq = 2; readSeq < 20; readSeq += 3) {
    let left = 1;
    forwarder.losing = () => left-- > 0;
    await node.read(conversationId, "ann", readSeq);
    const own = await node.store.ticks.marksSince("ann", 0, 100);
    expect(own.find((mark) => mark.conversationId === conversationId)?.readSeq).toBe(readSeq);
  }
  forwarder.losing = () => false;
});

test("another timeline is another epoch: all are told the same new one, and ids move past every block", async () => {
  await using other = await createMigratedDatabase("epoch");
  const options = {
    connection: other.connection,
    lanes: 2,
    readConnections: 2,
    patienceMs: 5_000,
    log: silentLog,
  };
  const first = await connectStore(options);
  const [epoch, id] = [await first.ticks.epoch(), await first.ids.message()];
  await first.close();
  const same = await connectStore(options);
  expect(await same.ticks.epoch()).toBe(epoch);
  await same.close();

  // As a restored copy finds itself: the words in the table are of another system.
  await withClient(other.connection, (client) => client.query("update instance set system_identifier = '1'"));
  const stores = await Promise.all(upTo(3).map(() => connectStore(options)));
  const epochs = await Promise.all(stores.map((store) => store.ticks.epoch()));
  expect(new Set(epochs).size).toBe(1);
  expect(epochs[0]).not.toBe(epoch);
  const ids = await Promise.all(stores.map((store) => store.ids.message()));
  for (const later of ids) expect(later).toBeGreaterThan(id + 900_000);
  expect(new Set(ids).size).toBe(3);
  for (const store of stores) await store.close();
});

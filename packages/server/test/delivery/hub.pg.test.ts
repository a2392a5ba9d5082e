import type { Event } from "@parlance/protocol/events.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createInProcessBus } from "../../src/adapters/bus/in-process-bus.ts";
import type { Bus } from "../../src/core/ports/bus.ts";
import { silentLog } from "../../src/core/ports/log.ts";
import type { TickReader } from "../../src/core/ports/tick-reader.ts";
import { catchUp } from "../../src/delivery/catch-up.ts";
import { Hub } from "../../src/delivery/hub.ts";
import type { Codec, Outlet } from "../../src/delivery/outlet.ts";
import { type Sweep, startSweep } from "../../src/delivery/sweep.ts";
import { seeded, startNode, upTo, type WritingNode } from "../support/node.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/postgres.ts";

let database: TestDatabase;
const nodes: WritingNode[] = [];
const sweeps: Sweep[] = [];

beforeAll(async () => {
  database = await createMigratedDatabase();
});
afterAll(async () => {
  for (const sweep of sweeps) await sweep.stop();
  for (const node of nodes) await node.close();
  await database.drop();
});

/** A node with a hub whose look at the store can be stepped into. */
async function startHub(wrap: (reader: TickReader) => TickReader = (reader) => reader, bus?: Bus) {
  const node = await startNode(database.connection, bus && { bus });
  nodes.push(node);
  const reader = wrap(node.store.ticks);
  const hub = new Hub({
    bus: node.bus,
    reader,
    log: silentLog,
    maxSendQueueBytes: 1 << 20,
    maxSessionsPerUser: 10,
    noteDelivered() {},
    nodeId: "n",
    onLost() {},
  });
  // Only when asked: what is found here must not be the sweep's finding.
  const sweep = startSweep({
    hub,
    reader,
    intervalMs: 3_600_000,
    log: silentLog,
    now: Date.now,
    onNewEpoch() {},
  });
  sweeps.push(sweep);
  await sweep.run();
  return { node, hub, reader, sweep };
}

/** An outlet that keeps what it is told, and why it was ended. */
function listener() {
  const told: Event[] = [];
  const ends: string[] = [];
  const codec: Codec = {
    events: (events) => Buffer.from(`${JSON.stringify(events)}\n`),
    signal: () => null,
    position: () => null,
  };
  const outlet: Outlet = {
    codec,
    interest: null,
    write(buffers) {
      const lines = Buffer.concat(buffers).toString().split("\n").slice(0, -1);
      told.push(...lines.flatMap((line) => JSON.parse(line) as Event[]));
    },
    buffered: 0,
    drained: async () => {},
    end: (reason) => ends.push(reason),
  };
  return { told, ends, outlet };
}

const turns = async (): Promise<void> => {
  await new Promise((resolve) => setTimeout(resolve, 60));
};

test("somebody removed between the look at the memberships and listening hears nothing more", async () => {
  let afterLook = async (): Promise<void> => {};
  const { node, hub } = await startHub((reader) => ({
    ...reader,
    async memberships(userIds) {
      const found = await reader.memberships(userIds);
      const step = afterLook;
      afterLook = async () => {};
      await step();
      return found;
    },
  }));
  const conversation = await node.open(["load-ann", "load-bob"]);
  afterLook = async () => {
    await node.change({ kind: "remove", conversationId: conversation, by: "load-ann", userId: "load-bob" });
  };
  const bob = listener();
  const session = await hub.attach("load-bob", bob.outlet);
  session.release();
  await node.send({ conversationId: conversation, senderId: "load-ann", content: "not for bob" });
  await turns();
  expect(JSON.stringify(bob.told)).not.toContain("not for bob");
  hub.detach(session);
});

test("who has left is shown nothing of what came after: no text, name or people", async () => {
  const { node, hub, reader } = await startHub();
  const conversation = await node.open(["left-ann", "left-bob"]);
  const { seq, id } = await node.send({
    conversationId: conversation,
    senderId: "left-ann",
    content: "before",
  });
  await node.send({ conversationId: conversation, senderId: "left-ann", content: "untouched" });
  await node.change({ kind: "remove", conversationId: conversation, by: "left-ann", userId: "left-bob" });
  const after = { conversationId: conversation, by: "left-ann" };
  await node.change({ kind: "edit", ...after, messageId: id, content: "SECRET text" });
  await node.change({ kind: "settings", ...after, name: "SECRET name" });
  await node.store.users.ensure([{ id: "SECRET-cid", name: null }]);
  await node.change({ kind: "add", ...after, userIds: ["SECRET-cid"], maxParticipants: 10 });

  const bob = listener();
  const session = await hub.attach("left-bob", bob.outlet);
  const clocks = new Map([[conversation, 0]]);
  await catchUp({ hub, reader }, session, { kind: "clocks", epoch: null, clocks }, async () => {});
  session.release();
  await turns();
  expect(JSON.stringify(bob.told)).not.toContain("SECRET");
  expect(bob.told.map((event) => event.type)).toEqual(["message.stored", "conversation.changed"]);
  expect(bob.told[0]).toMatchObject({ message: { content: "untouched" } });
  expect(bob.told[1]).toMatchObject({ seq: seq + 2, removed: ["left-bob"], head: { participants: [] } });
  hub.detach(session);
});

test("a store that fails while a newcomer is told ends the connection: it comes back and resumes", async () => {
  let failing = false;
  const { node, hub } = await startHub((reader) => ({
    ...reader,
    newMessages: (...asked) => (failing ? Promise.reject(new Error("gone")) : reader.newMessages(...asked)),
  }));
  const conversation = await node.open(["fail-ann"]);
  await node.store.users.ensure([{ id: "fail-bob", name: null }]);
  const bob = listener();
  const session = await hub.attach("fail-bob", bob.outlet);
  session.release();
  failing = true;
  const add = { kind: "add" as const, conversationId: conversation, by: "fail-ann", userIds: ["fail-bob"] };
  await node.change({ ...add, maxParticipants: 10 });
  await turns();
  expect(bob.ends).toEqual(["restart"]);
  hub.detach(session);
});

test("what comes while a hole is being filled is told behind it", async () => {
  let afterClocks = async (): Promise<void> => {};
  const { node, hub } = await startHub((reader) => ({
    ...reader,
    async clocks(ids) {
      const found = await reader.clocks(ids);
      const step = afterClocks;
      afterClocks = async () => {};
      await step();
      return found;
    },
  }));
  const silent = await startNode(database.connection);
  nodes.push(silent);
  const conversation = await node.open(["hole-ann", "hole-bob"]);
  const bob = listener();
  const session = await hub.attach("hole-bob", bob.outlet);
  session.release();
  const say = (by: WritingNode, content: string) =>
    by.send({ conversationId: conversation, senderId: "hole-ann", content });
  await say(silent, "never announced");
  afterClocks = async () => {
    await say(node, "while it is filled");
  };
  await say(node, "shows the hole");
  await expect.poll(() => bob.told.length).toBe(3);
  const texts = bob.told.map((event) => (event.type === "message.stored" ? event.message.content : ""));
  expect(texts).toEqual(["never announced", "shows the hole", "while it is filled"]);
  hub.detach(session);
});

/** Carries each piece of news after a time of its own, as news of several processes comes: out of order. */
function shuffledBus(maxMs: number): Bus {
  const bus = createInProcessBus();
  const random = seeded(11);
  return {
    ...bus,
    publish(news) {
      for (const item of news) setTimeout(() => bus.publish([item]), random(maxMs));
    },
  };
}

test.each([
  ["a little: the store is not asked", 20, true],
  ["much: the store fills the holes", 200, false],
])("news that overtakes other news by %s; all is told once and in order", async (_, maxMs, isCalm) => {
  let asked = 0;
  const { node, hub } = await startHub(
    (reader) => ({
      ...reader,
      clocks(ids) {
        asked++;
        return reader.clocks(ids);
      },
      async conversationTicks(...stretch) {
        // Meanwhile more is said, and overtakes more.
        await new Promise((resolve) => setTimeout(resolve, 30));
        return await reader.conversationTicks(...stretch);
      },
    }),
    shuffledBus(maxMs),
  );
  const conversation = await node.open(["shuffle-ann", `shuffle-${maxMs}`]);
  const bob = listener();
  const session = await hub.attach(`shuffle-${maxMs}`, bob.outlet);
  session.release();
  asked = 0;
  for (let i = 0; i < 150; i++) {
    await node.send({ conversationId: conversation, senderId: "shuffle-ann", content: String(i) });
  }
  await expect.poll(() => bob.told.at(-1)?.seq, { timeout: 10_000 }).toBe(151);
  expect(bob.told.map(({ seq }) => seq)).toEqual(upTo(151).slice(1));
  if (isCalm) expect(asked).toBeLessThan(5);
  else expect(asked).toBeGreaterThan(0);
  hub.detach(session);
});

test("let in again during a resume: the leaving and the joining are both told", async () => {
  let beforeMarks = async (): Promise<void> => {};
  const { node, hub, reader } = await startHub((reader) => ({
    ...reader,
    async marksSince(...asked) {
      const step = beforeMarks;
      beforeMarks = async () => {};
      await step();
      return reader.marksSince(...asked);
    },
  }));
  const conversation = await node.open(["again-ann", "again-bob"]);
  await node.change({ kind: "remove", conversationId: conversation, by: "again-ann", userId: "again-bob" });
  const bob = listener();
  const session = await hub.attach("again-bob", bob.outlet);
  beforeMarks = async () => {
    const add = {
      kind: "add" as const,
      conversationId: conversation,
      by: "again-ann",
      userIds: ["again-bob"],
    };
    await node.change({ ...add, maxParticipants: 10 });
    await node.send({ conversationId: conversation, senderId: "again-ann", content: "welcome back" });
    await turns();
  };
  const clocks = new Map([[conversation, 1]]);
  await catchUp({ hub, reader }, session, { kind: "clocks", epoch: null, clocks }, async () => {});
  session.release();
  await expect.poll(() => bob.told.length).toBe(3);
  const kinds = bob.told.map((event) =>
    event.type === "conversation.changed" ? { removed: event.removed, added: event.added.length } : event.seq,
  );
  expect(kinds).toContainEqual({ removed: ["again-bob"], added: 0 });
  expect(kinds).toContainEqual({ removed: [], added: 1 });
  hub.detach(session);
});

test("what a crowd has missed is read once, and again for who comes after something was changed in it", async () => {
  let reads = 0;
  const { node, hub, reader } = await startHub((reader) => ({
    ...reader,
    newMessages(...asked) {
      reads++;
      return reader.newMessages(...asked);
    },
  }));
  const conversation = await node.open(["crowd-ann", ...upTo(5).map((i) => `crowd-${i}`)]);
  const by = { conversationId: conversation, by: "crowd-ann" };
  const { id } = await node.send({ conversationId: conversation, senderId: "crowd-ann", content: "first" });
  await node.send({ conversationId: conversation, senderId: "crowd-ann", content: "second" });
  const back = async (userId: string): Promise<readonly string[]> => {
    const one = listener();
    const session = await hub.attach(userId, one.outlet);
    const clocks = new Map([[conversation, 1]]);
    await catchUp({ hub, reader }, session, { kind: "clocks", epoch: null, clocks }, async () => {});
    session.release();
    await expect.poll(() => one.told.length).toBeGreaterThan(0);
    hub.detach(session);
    return one.told.flatMap((event) => ("message" in event ? [event.message.content] : []));
  };
  const together = await Promise.all(upTo(3).map((i) => back(`crowd-${i}`)));
  expect(together).toEqual(upTo(3).map(() => ["first", "second"]));
  expect(await back("crowd-3")).toEqual(["first", "second"]);
  expect(reads).toBe(1);
  await node.change({ kind: "edit", ...by, messageId: id, content: "first, edited" });
  expect(await back("crowd-4")).toEqual(["first, edited", "second"]);
  await node.change({ kind: "settings", ...by, settings: { historyVisible: false } });
  await node.change({ kind: "add", ...by, userIds: ["crowd-late"], maxParticipants: 10 });
  expect(await back("crowd-late")).toEqual([]);
});

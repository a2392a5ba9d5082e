import type { PresenceSignal } from "@parlance/protocol/events.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createInProcessBus } from "../../src/adapters/bus/in-process-bus.ts";
import { createInProcessPresence } from "../../src/adapters/presence/in-process-presence.ts";
import { connectStore, type PostgresStore } from "../../src/adapters/store/postgres-store.ts";
import { silentLog } from "../../src/core/ports/log.ts";
import { createPresence } from "../../src/core/presence/presence.ts";
import { upTo } from "../support/node.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/postgres.ts";

let database: TestDatabase;
let store: PostgresStore;

beforeAll(async () => {
  database = await createMigratedDatabase("presence");
  store = await connectStore({
    connection: database.connection,
    lanes: 1,
    readConnections: 1,
    patienceMs: 5_000,
    log: silentLog,
  });
});
afterAll(async () => {
  await store.close();
  await database.drop();
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
/** What is told a second late, and what waits for a round, is there by then. */
const eventually = <T>(look: () => T) => expect.poll(look, { timeout: 5_000 });
/** Longer than somebody who has gone is taken to be on their way back, and a round of looking. */
const LONG_GONE_MS = 3_200;

/** Presence of people who share conversation 1, with what was told of whom and what was written. */
async function scene(users: readonly string[], staleMs = 300_000) {
  await store.users.ensure(users.map((id) => ({ id, name: null })));
  const told: (Pick<PresenceSignal, "userId" | "status" | "lastSeenAt" | "deviceType"> & { to: string })[] =
    [];
  const toldIn: (readonly number[])[] = [];
  const written: string[] = [];
  const audiences = new Map<string, readonly number[]>();
  /** What others have seen become of a user. */
  const seen = (userId: string) => told.filter((one) => one.userId === userId).map((one) => one.status);
  const bus = createInProcessBus();
  for (const id of users) await bus.subscribe(`user:${id}`);
  bus.listen({
    news(news) {
      for (const item of news) {
        if (!("signal" in item) || item.signal.type !== "presence") continue;
        const { userId, status, lastSeenAt, deviceType } = item.signal;
        told.push({ userId, status, lastSeenAt, deviceType, to: item.topic });
        if (item.kind === "presence") toldIn.push(item.conversationIds);
      }
    },
    lost() {},
  });
  const presence = createPresence({
    registry: createInProcessPresence(),
    users: {
      ...store.users,
      setStatus(id, status) {
        written.push(`${id} ${status}`);
        return store.users.setStatus(id, status);
      },
    },
    people: store.people,
    bus,
    audienceOf: (userId) => audiences.get(userId) ?? [1],
    maxAudience: 100,
    staleMs,
    now: Date.now,
    log: silentLog,
  });
  return { presence, told, toldIn, written, audiences, seen };
}

const statusOf = async (id: string) => (await store.users.find([id]))[0]?.status;

test("a status changed many times in a second is told and written twice, and the last counts", async () => {
  const { presence, told, written } = await scene(["ann", "bob"]);
  presence.opened("ann", "a1");
  presence.opened("bob", "b1");
  await eventually(() => told.length).toBe(2);
  await pause(1_100);
  const flips = upTo(99).map((i) => presence.setStatus("ann", i % 2 === 0 ? "online" : "dnd"));
  await presence.setStatus("bob", "away");
  await flips[0];
  for (const i of upTo(20)) {
    flips.push(presence.setStatus("ann", i % 2 === 0 ? "away" : "online"));
  }
  await Promise.all(flips);
  expect(await statusOf("ann")).toBe("away");
  await presence.drain();
  expect(written.toSorted()).toEqual(["ann away", "ann dnd", "bob away"]);
  const ofAnn = told.filter((one) => one.userId === "ann").map((one) => one.status);
  expect(ofAnn).toEqual(["online", "dnd", "away"]);
  expect(told.filter((one) => one.userId === "bob").length).toBe(2);
});

test("draining stores and tells what waited for its second", async () => {
  const { presence, told } = await scene(["cyd"]);
  presence.opened("cyd", "c1");
  await presence.setStatus("cyd", "away");
  const last = presence.setStatus("cyd", "dnd");
  await presence.drain();
  await last;
  expect(await statusOf("cyd")).toBe("dnd");
  expect(told.map((one) => one.status).slice(-1)).toEqual(["dnd"]);
});

test("who appears offline is not seen to come or go; others are, with when", async () => {
  const { presence, told } = await scene(["dan", "eve", "fay"]);
  await presence.setStatus("dan", "offline");
  presence.opened("dan", "d1");
  presence.opened("eve", "e1");
  presence.opened("fay", "f1");
  await pause(100);
  await presence.setStatus("fay", "offline");
  for (const [user, session] of [
    ["dan", "d1"],
    ["eve", "e1"],
    ["fay", "f1"],
  ] as const) {
    presence.closed(user, session, [1]);
  }
  await pause(LONG_GONE_MS);
  await presence.drain();
  const of = (user: string) =>
    told.filter((one) => one.userId === user).map(({ status, lastSeenAt }) => [status, lastSeenAt]);
  expect(of("dan")).toEqual([]);
  expect(of("eve")).toEqual([
    ["online", null],
    ["offline", expect.any(Number)],
  ]);
  expect(of("fay")).toEqual([
    ["online", null],
    ["offline", expect.any(Number)],
  ]);
});

test("whoever comes and goes quickly is told of once a second at most", async () => {
  const { presence, told } = await scene(["gus"]);
  const start = performance.now();
  for (let i = 0; performance.now() - start < LONG_GONE_MS; i++) {
    presence.opened("gus", `${i}`);
    await presence.setStatus("gus", i % 2 === 0 ? "online" : "away");
    presence.closed("gus", `${i}`, [1]);
  }
  const seconds = (performance.now() - start) / 1_000;
  await presence.drain();
  expect(told.length).toBeLessThanOrEqual(Math.ceil(seconds) + 2);
});

test("a status chosen without a connection is stored and told to nobody", async () => {
  const { presence, told } = await scene(["han"]);
  await presence.setStatus("han", "dnd");
  await presence.drain();
  expect(told).toEqual([]);
  expect((await presence.read(["han"])).get("han")?.status).toBe("offline");
});

test("who has no conversation hears of their own presence alone", async () => {
  const { presence, told, audiences } = await scene(["ida"]);
  audiences.set("ida", []);
  presence.opened("ida", "i1");
  await eventually(() => told).toMatchObject([{ userId: "ida", status: "online", to: "user:ida" }]);
  await presence.drain();
});

test("who is in very many conversations is told of in some of them, coming and going in the same", async () => {
  const { presence, toldIn, audiences } = await scene(["bot"]);
  const all = upTo(5_000);
  audiences.set("bot", all);
  presence.opened("bot", "b1");
  await eventually(() => toldIn.length).toBe(1);
  presence.closed("bot", "b1", all);
  await eventually(() => toldIn.length).toBe(2);
  expect(toldIn).toEqual([all.slice(0, 2_000), all.slice(0, 2_000)]);
});

test("draining stores when those were last here who have just gone", async () => {
  const { presence, told } = await scene(["ora"]);
  presence.opened("ora", "o1");
  await eventually(() => told.length).toBe(1);
  const at = Date.now();
  presence.closed("ora", "o1", [1]);
  await presence.drain();
  const [ora] = await store.users.find(["ora"]);
  expect(ora?.lastSeenAt).toBeGreaterThanOrEqual(at);
  expect(ora?.lastSeenAt).toBeLessThanOrEqual(Date.now());
});

test("a connection that comes back at once was never away, whatever its device says of itself again", async () => {
  const { presence, told, seen } = await scene(["jon"]);
  presence.opened("jon", "j1");
  presence.report("jon", "j1", { online: true, deviceType: "web" });
  await eventually(() => told.at(-1)?.deviceType).toBe("web");
  const before = told.length;
  for (const i of upTo(3)) {
    presence.closed("jon", `j${i + (i === 0 ? 1 : 10)}`, [1]);
    await pause(50);
    presence.opened("jon", `j${i + 11}`);
    await pause(50);
    presence.report("jon", `j${i + 11}`, { online: true, deviceType: "web" });
  }
  await pause(LONG_GONE_MS);
  await presence.drain();
  expect(told.length).toBe(before);
  expect(seen("jon")).not.toContain("offline");
});

test("one of two devices that hides or goes makes nobody offline, both do, and either that shows itself is seen", async () => {
  const { presence, told, seen } = await scene(["kim"]);
  const state = async () => (await presence.read(["kim"])).get("kim");
  presence.opened("kim", "web");
  presence.report("kim", "web", { online: true, deviceType: "web" });
  presence.opened("kim", "mobile");
  presence.report("kim", "mobile", { online: true, deviceType: "mobile" });
  await eventually(() => told.at(-1)?.deviceType).toBe("mobile");
  presence.report("kim", "mobile", { online: false });
  await eventually(() => told.at(-1)).toMatchObject({ status: "online", deviceType: "web" });
  expect(await state()).toMatchObject({ status: "online", deviceType: "web", lastSeenAt: null });
  const hidAt = Date.now();
  presence.report("kim", "web", { online: false });
  await eventually(() => told.at(-1)?.status).toBe("offline");
  const last = told.at(-1);
  expect(last).toMatchObject({ deviceType: null, lastSeenAt: expect.any(Number) });
  expect(last?.lastSeenAt).toBeGreaterThanOrEqual(hidAt - 1);
  expect(await state()).toMatchObject({ status: "offline", deviceType: null, lastSeenAt: last?.lastSeenAt });
  // What is chosen or done meanwhile by who appears offline is not seen.
  await presence.setStatus("kim", "away");
  presence.opened("kim", "third");
  presence.report("kim", "third", { online: false });
  presence.closed("kim", "third", [1]);
  await pause(LONG_GONE_MS);
  expect(new Set(seen("kim").slice(seen("kim").indexOf("offline")))).toEqual(new Set(["offline"]));
  presence.report("kim", "mobile", { online: true });
  await eventually(() => told.at(-1)).toMatchObject({ status: "away", deviceType: "mobile" });
  await presence.drain();
});

test("a device that was refreshed and no longer is counts as gone since then, alone; refreshed, it is back", async () => {
  const { presence, told } = await scene(["lea", "max"], 1_000);
  presence.opened("lea", "l1");
  presence.opened("max", "m1");
  presence.refresh("lea", "l1");
  const lastAt = Date.now();
  await eventually(() => told.length).toBe(2);
  await eventually(() => told.at(-1)).toMatchObject({ userId: "lea", status: "offline" });
  const { lastSeenAt } = told.at(-1) as { lastSeenAt: number };
  expect(Math.abs(lastSeenAt - lastAt)).toBeLessThan(500);
  await eventually(() => {
    presence.refresh("lea", "l1");
    return told.at(-1);
  }).toMatchObject({ userId: "lea", status: "online" });
  for (const _ of upTo(6)) {
    await pause(500);
    presence.refresh("lea", "l1");
  }
  presence.refresh("lea", "unknown");
  presence.refresh("max", "l1");
  presence.report("max", "l1", { online: false });
  await pause(600);
  await presence.drain();
  expect(told.map(({ userId, status }) => [userId, status])).toEqual([
    ["lea", "online"],
    ["max", "online"],
    ["lea", "offline"],
    ["lea", "online"],
  ]);
});

test("a thousand flaps of a device are told in turns, once a second at most, and end as they are", async () => {
  const { presence, told } = await scene(["ned"]);
  presence.opened("ned", "n1");
  const start = performance.now();
  for (const i of upTo(1_000)) {
    presence.report("ned", "n1", { online: i % 2 === 1 });
    if (i % 100 === 99) await pause(250);
  }
  await pause(1_600);
  presence.report("ned", "n1", { online: false });
  await pause(2_000);
  const seconds = (performance.now() - start) / 1_000;
  await presence.drain();
  expect(told.length).toBeLessThanOrEqual(Math.ceil(seconds) + 1);
  const statuses = told.map((one) => one.status);
  expect(statuses.filter((status, i) => status === statuses[i - 1])).toEqual([]);
  expect(statuses.at(-1)).toBe("offline");
});

import type { Status } from "@parlance/protocol/model.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createInProcessBus } from "../../src/adapters/bus/in-process-bus.ts";
import { createInProcessPresence } from "../../src/adapters/presence/in-process-presence.ts";
import { connectStore, type PostgresStore } from "../../src/adapters/store/postgres-store.ts";
import { createPresence } from "../../src/core/presence/presence.ts";
import { silentLog } from "../support/log.ts";
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
/** Longer than somebody who has gone is taken to be on their way back, and a round of looking. */
const LONG_GONE_MS = 3_200;

/** Presence of people who share conversation 1, with what was told of whom and what was written. */
async function scene(...users: string[]) {
  await store.users.ensure(users.map((id) => ({ id, name: null })));
  const told: { userId: string; status: Status; lastSeenAt: number | null }[] = [];
  const written: string[] = [];
  const bus = createInProcessBus();
  bus.listen({
    news(news) {
      for (const item of news) {
        if (item.kind !== "presence" || item.signal.type !== "presence") continue;
        const { userId, status, lastSeenAt } = item.signal;
        told.push({ userId, status, lastSeenAt });
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
    audienceOf: () => [1],
    maxAudience: 100,
    now: Date.now,
    log: silentLog,
  });
  return { presence, told, written };
}

const statusOf = async (id: string) => (await store.users.find([id]))[0]?.status;

test("a status changed many times in a second is told and written twice, and the last counts", async () => {
  const { presence, told, written } = await scene("ann", "bob");
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
  expect(ofAnn).toEqual(["dnd", "away"]);
  expect(told.filter((one) => one.userId === "bob").length).toBe(1);
});

test("draining stores and tells what waited for its second", async () => {
  const { presence, told } = await scene("cyd");
  await presence.setStatus("cyd", "away");
  const last = presence.setStatus("cyd", "dnd");
  await presence.drain();
  await last;
  expect(await statusOf("cyd")).toBe("dnd");
  expect(told.map((one) => one.status)).toEqual(["away", "dnd"]);
});

test("who appears offline is not seen to come or go; others are, with when", async () => {
  const { presence, told } = await scene("dan", "eve", "fay");
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
  expect(of("dan")).toEqual([["offline", null]]);
  expect(of("eve")).toEqual([
    ["online", null],
    ["offline", expect.any(Number)],
  ]);
  expect(of("fay")).toEqual([
    ["online", null],
    ["offline", null],
  ]);
});

test("whoever comes and goes quickly is told of once a second at most", async () => {
  const { presence, told } = await scene("gus");
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

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { News } from "../../src/core/ports/bus.ts";
import { describeWithRedis, startRedis, startRedisSentinel, type TestRedis } from "../support/redis.ts";
import { openRedisBuses, type RedisBuses } from "../support/redis-buses.ts";

const joined = (seq: number): News => ({
  topic: "user:ann",
  kind: "joined",
  userId: "ann",
  conversationId: 1,
  seq,
});

let scene: RedisBuses;
let heard: number[];
let losses: number;
const listen = async (): Promise<void> => {
  heard = [];
  losses = 0;
  scene.buses[1].listen({
    news: (news) => heard.push(...news.map((item) => (item.kind === "joined" ? item.seq : 0))),
    lost: () => losses++,
  });
  await scene.buses[1].subscribe("user:ann");
};
/** Says it until it is heard, for what is said while nothing is carried is lost. */
const heardAgain = (seq: number) =>
  expect.poll(
    () => {
      scene.buses[0].publish([joined(seq)]);
      return heard;
    },
    { timeout: 20_000 },
  );

describeWithRedis("a bus that loses its Redis", () => {
  let server: TestRedis;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.close());
  beforeEach(async () => {
    scene = await openRedisBuses(server.address);
    await listen();
  });
  afterEach(() => scene.close());

  test("says that something may be lost when it is back, and carries as before", async () => {
    await server.kill();
    await expect
      .poll(() => scene.buses.map((bus) => bus.isUp()), { timeout: 10_000 })
      .toEqual([false, false]);
    scene.buses[0].publish([joined(1)]);
    scene.buses[1].publish([joined(2)]);
    // What is said in the same process needs no Redis.
    expect(heard).toEqual([2]);
    await scene.buses[1].subscribe("user:bob");
    const before = losses;
    await server.start();
    await expect.poll(() => losses, { timeout: 20_000 }).toBeGreaterThan(before);
    await heardAgain(3).toContain(3);
    expect(heard).not.toContain(1);
    expect(scene.buses[0].counts.unsent).toBeGreaterThan(0);
  });

  test("notices that its subscriptions were cut", async () => {
    server.cli(["CLIENT", "KILL", "TYPE", "pubsub"]);
    await expect.poll(() => losses, { timeout: 10_000 }).toBeGreaterThan(0);
    await heardAgain(1).toContain(1);
  });

  test("notices that Redis has stopped answering, and that it does again", async () => {
    await server.kill("SIGSTOP");
    await expect.poll(() => scene.buses[1].isUp(), { timeout: 10_000 }).toBe(false);
    const before = losses;
    await server.kill("SIGCONT");
    await expect.poll(() => losses, { timeout: 20_000 }).toBeGreaterThan(before);
    await heardAgain(1).toContain(1);
  });

  test("believes nobody who does not know its secret, and no nonsense", async () => {
    for (const message of [
      "",
      "x",
      "1other\n[]",
      `${"s".repeat(16)}1other\n[{"topic":"user:ann","kind":"joined","seq":7}]`,
    ]) {
      server.cli(["SPUBLISH", `${scene.prefix}user:ann`, message]);
    }
    await expect.poll(() => scene.buses[1].counts.refused).toBe(4);
    await heardAgain(1).toContain(1);
    expect(new Set(heard)).toEqual(new Set([1]));
  });
});

describeWithRedis("a bus over a master that fails", () => {
  test("goes on over the next one", async () => {
    const sentinel = await startRedisSentinel();
    scene = await openRedisBuses(sentinel.address);
    try {
      await listen();
      await sentinel.master.kill();
      await expect.poll(() => losses, { timeout: 20_000 }).toBeGreaterThan(0);
      await heardAgain(1).toContain(1);
    } finally {
      await scene.close();
      await sentinel.close();
    }
  });
});

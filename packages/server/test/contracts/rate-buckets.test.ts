import { expect, test } from "vitest";
import { createInProcessBuckets } from "../../src/adapters/limits/in-process-buckets.ts";
import { createRedisBuckets } from "../../src/adapters/limits/redis-buckets.ts";
import { openRedis } from "../../src/adapters/redis/redis.ts";
import { silentLog } from "../../src/core/ports/log.ts";
import { describeWithRedis, startRedis } from "../support/redis.ts";
import { joinExchange } from "../support/workers.ts";
import { rateBucketsContract } from "./rate-buckets.ts";

rateBucketsContract("the buckets of one process", async (perMinute) => {
  let at = 0;
  return {
    views: [createInProcessBuckets(perMinute, () => at)],
    async pass(ms) {
      at += ms;
    },
    async close() {},
  };
});

/** A timer may end a millisecond before its time. */
const pass = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms + 1));

rateBucketsContract("the buckets of one machine's workers", async (perMinute) => {
  const { members, close } = joinExchange();
  return {
    views: [members[0].buckets("messages", perMinute), members[1].buckets("messages", perMinute)],
    pass,
    close,
  };
});

const elapsed = () => performance.now();

async function openShared(perMinute: number) {
  const server = await startRedis();
  const connections = [0, 1].map(() => openRedis(server.address, "a test", silentLog));
  await Promise.all(connections.map((redis) => redis.whenUp(10_000)));
  const views = connections.map((redis) =>
    createRedisBuckets(redis, "test:limit", perMinute, createInProcessBuckets(perMinute, elapsed), elapsed),
  );
  return {
    server,
    views: views as [(typeof views)[number], (typeof views)[number]],
    pass,
    async close() {
      for (const redis of connections) redis.close();
      await server.close();
    },
  };
}

describeWithRedis("over Redis", () => {
  rateBucketsContract("the buckets of two processes", openShared);

  test("without Redis each process goes by its own, and by the common ones again when that is back", async () => {
    const { server, views, close } = await openShared(2);
    const [one, other] = views;
    const take = async (count: number) => {
      const waits = [];
      for (let i = 0; i < count; i++) waits.push(await one.take("ann"), await other.take("ann"));
      return waits.filter((wait) => wait === 0).length;
    };
    try {
      expect(await take(2)).toBe(2);
      await server.kill("SIGSTOP");
      expect(await take(3)).toBe(4);
      await server.kill("SIGCONT");
      await server.kill();
      await server.start();
      // Both begin anew: one bucket of two, whoever takes from it.
      await expect.poll(() => take(3), { timeout: 10_000, interval: 500 }).toBe(2);
    } finally {
      await close();
    }
  });
});

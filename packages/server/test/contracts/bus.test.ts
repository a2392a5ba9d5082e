import { afterAll, beforeAll } from "vitest";
import { createInProcessBus } from "../../src/adapters/bus/in-process-bus.ts";
import type { RedisAddress } from "../../src/config/redis-url.ts";
import { describeWithRedis, startRedis, startRedisCluster } from "../support/redis.ts";
import { openRedisBuses } from "../support/redis-buses.ts";
import { joinExchange } from "../support/workers.ts";
import { busContract } from "./bus.ts";

busContract("the bus of one process", async () => {
  const bus = createInProcessBus();
  return { buses: [bus], close: () => bus.close() };
});

busContract("the bus of one machine's workers", async () => {
  const { members, close } = joinExchange();
  return { buses: [members[0].bus("one"), members[1].bus("two")], close };
});

const old = { lines: ['rename-command SSUBSCRIBE ""', 'rename-command SPUBLISH ""'] };
for (const [name, start] of [
  ["Redis", startRedis],
  ["a Redis that knows no sharded channels", () => startRedis(old)],
  ["a cluster", startRedisCluster],
] as const) {
  describeWithRedis(`over ${name}`, () => {
    let server: { readonly address: RedisAddress; close(): Promise<void> };
    beforeAll(async () => {
      server = await start();
    });
    afterAll(() => server.close());
    busContract("the bus", () => openRedisBuses(server.address));
  });
}

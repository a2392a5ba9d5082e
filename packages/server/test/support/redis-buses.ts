import { randomBytes } from "node:crypto";
import { createRedisBus, type RedisBus } from "../../src/adapters/bus/redis-bus.ts";
import { openRedis } from "../../src/adapters/redis/redis.ts";
import type { RedisAddress } from "../../src/config/redis-url.ts";
import { type Log, silentLog } from "../../src/core/ports/log.ts";

export interface RedisBuses {
  readonly buses: readonly [RedisBus, RedisBus];
  readonly prefix: string;
  close(): Promise<void>;
}

/** Two buses of an installation of their own, once both hear. */
export async function openRedisBuses(address: RedisAddress, log: Log = silentLog): Promise<RedisBuses> {
  const prefix = `${randomBytes(4).toString("hex")}:`;
  const secret = randomBytes(32);
  const nodes = ["one", "two"].map((origin) => {
    const redis = openRedis(address, "the bus", log);
    return { redis, bus: createRedisBus({ address, redis, prefix, secret, origin, log }) };
  });
  const buses = nodes.map(({ bus }) => bus) as [RedisBus, RedisBus];
  await Promise.all(buses.map((bus) => bus.whenUp(10_000)));
  return {
    buses,
    prefix,
    async close() {
      for (const { redis, bus } of nodes) {
        await bus.close();
        redis.close();
      }
    },
  };
}

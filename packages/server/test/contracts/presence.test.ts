import { createInProcessPresence } from "../../src/adapters/presence/in-process-presence.ts";
import { joinPresence } from "../support/presence.ts";
import { describeWithRedis, startRedis, startRedisCluster } from "../support/redis.ts";
import { joinExchange } from "../support/workers.ts";
import { presenceContract } from "./presence.ts";

presenceContract("the registry of one process", async () => ({
  registries: [createInProcessPresence()],
  async close() {},
}));

presenceContract("the registry of one machine's workers", async () => {
  const { members, close } = joinExchange();
  return { registries: [members[0].presence, members[1].presence], close };
});

for (const [name, start] of [
  ["one server", () => startRedis()],
  ["a cluster", () => startRedisCluster()],
] as const) {
  describeWithRedis(`over Redis, ${name}`, () => {
    presenceContract("the registry of two processes", async () => {
      const redis = await start();
      const [one, other] = [await joinPresence(redis.address), await joinPresence(redis.address)];
      return {
        registries: [one.registry, other.registry],
        async close() {
          await one.close();
          await other.close();
          await redis.close();
        },
      };
    });
  });
}

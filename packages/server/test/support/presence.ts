import { randomUUID } from "node:crypto";
import { openRedisPresence } from "../../src/adapters/presence/redis-presence.ts";
import { joinNodes } from "../../src/adapters/redis/nodes.ts";
import { openRedis } from "../../src/adapters/redis/redis.ts";
import type { RedisAddress } from "../../src/config/redis-url.ts";
import { silentLog } from "../../src/core/ports/log.ts";
import type { PresenceRegistry } from "../../src/core/ports/presence-registry.ts";

/** Presence as one process of several has it. */
export interface PresenceNode {
  readonly registry: PresenceRegistry;
  /** Stops answering without a word, as a process that was killed. */
  die(): void;
  /** Ends in good order. */
  close(): Promise<void>;
}

export async function joinPresence(address: RedisAddress): Promise<PresenceNode> {
  const redis = openRedis(address, "a test", silentLog);
  if (!(await redis.whenUp(10_000))) throw new Error("Redis does not answer");
  const nodeId = randomUUID();
  const prefix = "test:";
  const nodes = joinNodes(redis, prefix, nodeId, silentLog);
  const registry = openRedisPresence({ redis, nodes, nodeId, prefix, log: silentLog, random: () => 0 });
  return {
    registry,
    die: () => redis.close(),
    async close() {
      await registry.leave();
      await nodes.leave("for others to clear up");
      redis.close();
    },
  };
}

import { createInProcessBus } from "../adapters/bus/in-process-bus.ts";
import { createRedisBus, type RedisBus } from "../adapters/bus/redis-bus.ts";
import { createInProcessBuckets } from "../adapters/limits/in-process-buckets.ts";
import { createRedisBuckets } from "../adapters/limits/redis-buckets.ts";
import { createInProcessPresence } from "../adapters/presence/in-process-presence.ts";
import { openRedisPresence } from "../adapters/presence/redis-presence.ts";
import { openRedisQueue } from "../adapters/queue/redis/redis-queue.ts";
import { createStoreQueue } from "../adapters/queue/store-queue.ts";
import { namespaceOf } from "../adapters/redis/namespace.ts";
import { joinNodes } from "../adapters/redis/nodes.ts";
import { openRedis } from "../adapters/redis/redis.ts";
import type { PostgresStore } from "../adapters/store/postgres-store.ts";
import type { RedisAddress } from "../config/redis-url.ts";
import type { Config } from "../config.ts";
import type { Bus } from "../core/ports/bus.ts";
import type { Log } from "../core/ports/log.ts";
import type { PresenceRegistry } from "../core/ports/presence-registry.ts";
import type { Queue } from "../core/ports/queue.ts";
import type { Writer } from "../core/ports/writer.ts";
import { createRateLimit, NO_LIMIT, type RateLimit } from "../core/rate-limits.ts";
import type { Seat } from "../workers/seat.ts";

/** A start waits so long for Redis, and does without. */
const REDIS_PATIENCE_MS = 2_000;

/** A queue, and how much waits in it where that is in Redis. */
export interface OpenQueue {
  readonly queue: Queue;
  readonly waiting: (() => Promise<number | null>) | null;
  /** A database that was put back to an earlier state would give ids again that messages in the queue have. */
  keepIdsAhead(): Promise<void>;
  close(): Promise<void>;
}

/** What all processes over one store have in common: in Redis, among the workers of one machine, or in this process. */
export interface Common {
  readonly bus: Bus;
  /** The bus where it goes over Redis. */
  readonly carrier: RedisBus | null;
  readonly registry: PresenceRegistry;
  /** @param perMinute null: no limit */
  limit(name: string, perMinute: number | null): RateLimit;
  openQueue(writer: Writer): OpenQueue;
  /** What `/ready` says of it. */
  state(): Readonly<Record<string, unknown>>;
  /** Resolves when news go to others, or need not be waited for. */
  whenUp(): Promise<void>;
  /** When nothing of it is used any more. */
  leave(): Promise<void>;
}

export interface CommonParts {
  readonly config: Config;
  readonly store: PostgresStore;
  readonly nodeId: string;
  readonly seat: Seat | null;
  readonly elapsed: () => number;
  readonly log: Log;
}

export async function openCommon(parts: CommonParts): Promise<Common> {
  const { redisUrl } = parts.config;
  return redisUrl === null ? withoutRedis(parts) : await overRedis(parts, redisUrl);
}

function withoutRedis({ seat, nodeId, elapsed }: CommonParts): Common {
  return {
    bus: seat?.bus(nodeId) ?? createInProcessBus(),
    carrier: null,
    registry: seat?.presence ?? createInProcessPresence(),
    limit(name, perMinute) {
      if (perMinute === null) return NO_LIMIT;
      return createRateLimit(
        perMinute,
        seat?.buckets(name, perMinute) ?? createInProcessBuckets(perMinute, elapsed),
      );
    },
    openQueue: queueInStore,
    state: () => ({}),
    whenUp: async () => {},
    leave: async () => {},
  };
}

async function overRedis(
  { config, store, nodeId, elapsed, log }: CommonParts,
  address: RedisAddress,
): Promise<Common> {
  const secret = await store.secret("redis");
  const redis = openRedis(address, "what processes share", log);
  const prefix = `${namespaceOf(secret)}:`;
  const nodes = joinNodes(redis, prefix, nodeId, log);
  const shared = { address, redis, secret, prefix, nodes, log };
  const bus = createRedisBus({ ...shared, origin: nodeId });
  const up = bus.whenUp(REDIS_PATIENCE_MS);
  return {
    bus,
    carrier: bus,
    registry: openRedisPresence({ ...shared, nodeId, random: Math.random }),
    limit(name, perMinute) {
      if (perMinute === null) return NO_LIMIT;
      const own = createInProcessBuckets(perMinute, elapsed);
      const key = `${prefix}limit:${name}`;
      return createRateLimit(perMinute, createRedisBuckets(redis, key, perMinute, own, elapsed));
    },
    openQueue(writer) {
      if (config.queue === "postgres") return queueInStore(writer);
      const { queueMaxWaiting: maxWaiting, queueMaxDeadLetters: maxDeadLetters } = config;
      const queue = openRedisQueue({
        ...shared,
        nodeId,
        writer,
        reader: store.reader,
        maxWaiting,
        maxDeadLetters,
      });
      const keepIdsAhead = async (): Promise<void> => {
        const highest = (await queue.highestId()) ?? 0;
        if (highest > 0) await store.moveIdsPast(highest);
      };
      redis.onChange((up) => {
        if (up) keepIdsAhead().catch(() => {});
      });
      return { queue, waiting: queue.waiting, keepIdsAhead, close: () => queue.close() };
    },
    state: () => ({
      redis: nodes.state(),
      bus: bus.isUp() ? "ok" : "other processes' messages are a sweep late",
    }),
    whenUp: () => up,
    async leave() {
      await nodes.leave("for others to clear up");
      redis.close();
    },
  };
}

function queueInStore(writer: Writer): OpenQueue {
  const nothing = async (): Promise<void> => {};
  return { queue: createStoreQueue(writer), waiting: null, keepIdsAhead: nothing, close: nothing };
}

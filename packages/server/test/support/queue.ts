import { randomUUID } from "node:crypto";
import { openRedisQueue, type RedisQueue } from "../../src/adapters/queue/redis/redis-queue.ts";
import { joinNodes } from "../../src/adapters/redis/nodes.ts";
import { openRedis, type Redis } from "../../src/adapters/redis/redis.ts";
import type { RedisAddress } from "../../src/config/redis-url.ts";
import { type Log, silentLog } from "../../src/core/ports/log.ts";
import type { WritingNode } from "./node.ts";

/** The queue as one process of several has it. */
export interface QueueNode {
  readonly queue: RedisQueue;
  readonly redis: Redis;
  /** Stops answering without a word, as a process that was killed. */
  die(): void;
  close(): Promise<void>;
}

export const PREFIX = "test:";
export const SECRET = Buffer.alloc(32, 1);

export async function joinQueue(
  address: RedisAddress,
  { writer, store }: Pick<WritingNode, "writer" | "store">,
  options: { readonly maxWaiting?: number; readonly maxDeadLetters?: number; readonly log?: Log } = {},
): Promise<QueueNode> {
  const { log = silentLog, maxWaiting = 100_000, maxDeadLetters = 1_000 } = options;
  const redis = openRedis(address, "a test", log);
  if (!(await redis.whenUp(10_000))) throw new Error("Redis does not answer");
  const nodeId = randomUUID();
  const nodes = joinNodes(redis, PREFIX, nodeId, log);
  const queue = openRedisQueue({
    address,
    redis,
    nodes,
    nodeId,
    prefix: PREFIX,
    secret: SECRET,
    writer,
    reader: store.reader,
    maxWaiting,
    maxDeadLetters,
    log,
  });
  return {
    queue,
    redis,
    die: () => redis.close(),
    async close() {
      await queue.close();
      await nodes.leave("all is cleared up");
      redis.close();
    },
  };
}

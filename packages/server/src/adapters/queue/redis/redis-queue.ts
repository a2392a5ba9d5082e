import { Refusal } from "@parlance/protocol/errors.ts";
import type { RedisAddress } from "../../../config/redis-url.ts";
import { type Log, silentLog } from "../../../core/ports/log.ts";
import type { Queue } from "../../../core/ports/queue.ts";
import type { Reader } from "../../../core/ports/reader.ts";
import type { Writer } from "../../../core/ports/writer.ts";
import { readDurability } from "../../redis/durability.ts";
import type { Nodes } from "../../redis/nodes.ts";
import { openRedis, type Redis } from "../../redis/redis.ts";
import { createAppend, refusalOf } from "./append.ts";
import { startDrain } from "./drain.ts";
import { createEntries } from "./entry.ts";
import { holdLeases } from "./leases.ts";
import { type Partition, partitionsOf } from "./partitions.ts";
import { FIND, MARK } from "./scripts.ts";
import { createTurns } from "./turns.ts";

export interface RedisQueueOptions {
  readonly address: RedisAddress;
  readonly redis: Redis;
  readonly nodes: Nodes;
  readonly nodeId: string;
  /** Of all keys. */
  readonly prefix: string;
  /** Of all processes of an installation, for telling what they have written. */
  readonly secret: Buffer;
  readonly writer: Pick<Writer, "storeAccepted" | "markMessage">;
  readonly reader: Pick<Reader, "sentUnder">;
  /** How many messages may wait; one more is answered `overloaded`. */
  readonly maxWaiting: number;
  /** How many that cannot be stored are kept, of the newest. */
  readonly maxDeadLetters: number;
  readonly log: Log;
}

export interface RedisQueue extends Queue {
  /** About the highest id of those that wait, less some thousands at most; 0 where none does. */
  highestId(): Promise<number>;
  /** How many messages wait, in all processes' partitions; null where Redis does not answer. */
  waiting(): Promise<number | null>;
  /** Lets go of this process's partitions; what waits in them is for the others, or for the next start. */
  close(): Promise<void>;
}

/**
 * Partitions that are stored from at once, in one process. As few as keep the writer's lanes busy: what comes meanwhile
 * gathers, and goes together at a fraction of the cost; and what others send does not wait behind more than this.
 */
const CHUNKS_AT_ONCE = 3;

/** The queue of many processes: streams in Redis, each drained by one of them. */
export function openRedisQueue(options: RedisQueueOptions): RedisQueue {
  const { redis, nodes, nodeId, prefix, writer, log, maxDeadLetters } = options;
  const partitions = partitionsOf(prefix);
  const entries = createEntries(options.secret);
  const turns = createTurns(CHUNKS_AT_ONCE);
  const leases = holdLeases({
    redis,
    nodes,
    nodeId,
    partitions,
    log,
    start: (partition) =>
      startDrain({
        redis,
        // That Redis is gone is said by the connection that all share.
        waiting: openRedis(options.address, `partition ${partition.number} of the queue`, silentLog),
        partition,
        turns,
        entries,
        writer,
        maxDeadLetters: Math.ceil(maxDeadLetters / partitions.length),
        log,
      }),
  });
  let known = "";
  const checkDurability = async (): Promise<void> => {
    const { reasons } = await readDurability(
      redis,
      partitions.map(({ entries }) => entries),
    );
    const now = reasons.join("; ");
    if (now !== "" && now !== known) {
      log.warn({ reasons }, "messages that wait in Redis may be lost with it");
    }
    known = now;
  };
  const look = (up: boolean): void => {
    if (up) checkDurability().catch(() => {});
  };
  redis.onChange(look);
  look(redis.isUp());

  /** The first answer of any partition that is not `nothing`: an id does not say where its message waits. */
  const inSome = async <T>(ask: (partition: Partition) => Promise<T | null>): Promise<T | null> => {
    try {
      const answers = await Promise.all(partitions.map(ask));
      return answers.find((answer) => answer !== null) ?? null;
    } catch (error) {
      throw error instanceof Refusal ? error : refusalOf(error);
    }
  };

  return {
    accept: createAppend({ ...options, partitions, entries }),
    find: (messageId) =>
      inSome(async ({ entries: stream, ids }) => {
        const text = await redis.run(FIND, [stream, ids], [String(messageId)]);
        return typeof text === "string" ? entries.read(text) : null;
      }),
    async markRead(messageId, userId) {
      const marked = await inSome(async ({ ids, reads }) =>
        (await redis.run(MARK, [ids, reads], [String(messageId), userId])) === 1 ? true : null,
      );
      return marked ?? false;
    },
    async highestId() {
      const last = await Promise.all(
        partitions.map(({ entries: stream }) =>
          redis.send(stream, ["XREVRANGE", stream, "+", "-", "COUNT", "1"]),
        ),
      );
      const texts = (last as [string, string[]][][]).flatMap((found) => found.map(([, fields]) => fields[1]));
      return Math.max(0, ...texts.map((text) => entries.read(text ?? "")?.id ?? 0));
    },
    async waiting() {
      try {
        const lengths = await Promise.all(
          partitions.map(({ entries }) => redis.send(entries, ["XLEN", entries])),
        );
        return (lengths as number[]).reduce((sum, length) => sum + length, 0);
      } catch {
        return null;
      }
    },
    close: () => leases.stop(),
  };
}

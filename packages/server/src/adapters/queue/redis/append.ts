import type { Queued } from "@parlance/protocol/commands.ts";
import { Refusal } from "@parlance/protocol/errors.ts";
import { createGather } from "../../../core/gather.ts";
import type { Draft } from "../../../core/ports/message-log.ts";
import type { Reader, SentUnderKey } from "../../../core/ports/reader.ts";
import { isReply, type Redis } from "../../redis/redis.ts";
import { type Entries, keyOf } from "./entry.ts";
import { PARTITIONS, type Partition, partitionOf } from "./partitions.ts";
import { APPEND, WITHDRAW } from "./scripts.ts";

export interface AppendOptions {
  readonly redis: Redis;
  readonly partitions: readonly Partition[];
  readonly entries: Entries;
  readonly reader: Pick<Reader, "sentUnder">;
  /** How many may wait in all partitions; each takes its share. */
  readonly maxWaiting: number;
}

interface Given {
  readonly draft: Draft;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Refusal) => void;
}

/** 1: appended; 0: no room; else the id and the hash of what stands under the key. */
type Answer = 1 | 0 | string;

/** Messages given to Redis and not yet answered, in one process: while Redis stands still, this bounds the memory. */
const MAX_UNANSWERED = 20_000;
/** Of one script call, whose other callers wait for it. */
const MAX_PER_CALL = 500;

/**
 * Takes messages into their partitions. What is given in the same turn of the event loop goes with one call of each
 * partition's script.
 */
export function createAppend({ redis, partitions, entries, reader, maxWaiting }: AppendOptions) {
  const roomEach = Math.ceil(maxWaiting / PARTITIONS);
  const given = new Map<Partition, Given[]>();
  let unanswered = 0;

  const storedUnderKey = createGather<Draft, SentUnderKey>(async (drafts) => {
    const found = await reader.sentUnder(
      drafts.map(({ conversationId, senderId, idempotencyKey }) => ({
        conversationId,
        senderId,
        key: idempotencyKey as string,
      })),
    );
    return new Map(
      drafts.flatMap((draft, i) => (found[i] == null ? [] : [[draft, found[i] as SentUnderKey] as const])),
    );
  });

  const send = (partition: Partition, batch: readonly Given[]): void => {
    const args = [String(roomEach)];
    for (const { draft } of batch) {
      args.push(
        String(draft.id),
        keyOf(draft),
        draft.contentHash === null ? "" : String(draft.contentHash),
        entries.write(draft),
      );
    }
    redis.run(APPEND, [partition.entries, partition.ids, partition.keys], args).then(
      (answers) => {
        unanswered -= batch.length;
        for (const [i, { resolve }] of batch.entries()) resolve((answers as Answer[])[i] as Answer);
      },
      (error: unknown) => {
        unanswered -= batch.length;
        const refusal = refusalOf(error);
        for (const { reject } of batch) reject(refusal);
      },
    );
  };

  const flush = (): void => {
    const batches = [...given];
    given.clear();
    for (const [partition, all] of batches) {
      for (let i = 0; i < all.length; i += MAX_PER_CALL) send(partition, all.slice(i, i + MAX_PER_CALL));
    }
  };

  const append = (partition: Partition, draft: Draft): Promise<Answer> =>
    new Promise((resolve, reject) => {
      if (unanswered >= MAX_UNANSWERED) {
        reject(overloaded());
        return;
      }
      unanswered++;
      if (given.size === 0) setImmediate(flush);
      const batch = given.get(partition);
      const one = { draft, resolve, reject };
      if (batch === undefined) given.set(partition, [one]);
      else batch.push(one);
    });

  return async function accept(draft: Draft): Promise<Queued> {
    const partition = partitionOf(partitions, draft.conversationId);
    const answer = await append(partition, draft);
    if (answer === 0) throw overloaded();
    if (draft.idempotencyKey === null) return { id: draft.id, duplicate: false };
    // Asked after the script has run: what was stored is only then forgotten in Redis, so one of the two knows of it.
    const stored = await storedUnderKey(draft);
    if (stored?.id === draft.id) return { id: draft.id, duplicate: false };
    if (stored !== undefined) {
      if (answer === 1) {
        const places = [partition.entries, partition.ids, partition.keys, partition.dead] as const;
        // When its turn comes it would be dropped, or kept as one that cannot be stored.
        redis.run(WITHDRAW, places, [String(draft.id), keyOf(draft), entries.write(draft)]).catch(() => {});
      }
      return repeatOf(stored.id, stored.contentHash, draft);
    }
    if (answer === 1) return { id: draft.id, duplicate: false };
    const [id, contentHash] = answer.split(" ");
    return repeatOf(Number(id), Number(contentHash), draft);
  };
}

function repeatOf(id: number, contentHash: number, draft: Draft): Queued {
  if (contentHash !== draft.contentHash) {
    throw new Refusal("key_reused", "This idempotency key was used with different content");
  }
  return { id, duplicate: true };
}

const overloaded = (): Refusal => new Refusal("overloaded", "Too much is waiting in the queue, try again", 1);

/** Whatever went wrong with Redis, for the caller of who asked it. */
export function refusalOf(error: unknown): Refusal {
  if (isReply(error) && error.message.startsWith("OOM")) return overloaded();
  return new Refusal("unavailable", "The queue cannot be reached, try again", 1);
}

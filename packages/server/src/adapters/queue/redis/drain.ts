import { Refusal } from "@parlance/protocol/errors.ts";
import type { Log } from "../../../core/ports/log.ts";
import type { Draft } from "../../../core/ports/message-log.ts";
import type { Writer } from "../../../core/ports/writer.ts";
import type { Redis } from "../../redis/redis.ts";
import { type Entries, keyOf } from "./entry.ts";
import type { Drain } from "./leases.ts";
import type { Partition } from "./partitions.ts";
import { BURY, CUT, UNMARK } from "./scripts.ts";
import type { Turns } from "./turns.ts";

export interface DrainOptions {
  readonly redis: Redis;
  /** One of its own, on which waiting holds up nobody. Closed with the drain. */
  readonly waiting: Redis;
  readonly partition: Partition;
  readonly turns: Turns;
  readonly entries: Entries;
  readonly writer: Pick<Writer, "storeAccepted" | "markMessage">;
  readonly maxDeadLetters: number;
  readonly log: Log;
}

interface Entry {
  readonly id: string;
  readonly text: string;
  /** When it was accepted: epoch ms of Redis' clock, which is one for all. */
  readonly acceptedAt: number;
}

interface Item {
  readonly entryId: string;
  readonly draft: Draft;
}

/** Entries taken at once: a batch of the writer's. */
const CHUNK = 512;
/** Less than what a connection may be silent for. */
const BLOCK_MS = 4_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2_000;
const FRONT = "0-0";

/**
 * Stores what waits in one partition, in its order, and cuts it off there once it is committed: what stands at the
 * front is what is to be done, whoever did what before. So nothing is handed over when the partition changes hands, and
 * two who drain it at once only do some of it twice: each stores from the front on and never past what failed, the
 * writer looks up what is stored already, and each cuts off only what it knows to be committed.
 */
export function startDrain(options: DrainOptions): Drain {
  const { redis, waiting, partition, turns, writer, log } = options;
  const { entries, ids, keys, reads, dead } = partition;
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  let stopped = false;

  const pause = async (ms: number): Promise<void> => {
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([asked, new Promise((resolve) => (timer = setTimeout(resolve, ms)))]);
    clearTimeout(timer);
  };

  /** Resolves when something is there, or when nothing came in a while. */
  const wake = async (): Promise<boolean> => {
    const answer = await waiting.send(
      entries,
      ["XREAD", "COUNT", "1", "BLOCK", String(BLOCK_MS), "STREAMS", entries, FRONT],
      { timeoutMs: BLOCK_MS + 1_500 },
    );
    return answer !== null;
  };

  const read = async (): Promise<readonly Entry[]> => {
    const found = await redis.send(entries, ["XRANGE", entries, "-", "+", "COUNT", String(CHUNK)]);
    return (found as [string, string[]][]).map(([id, fields]) => {
      const [, text = "", , acceptedAt = id.split("-")[0]] = fields;
      return { id, text, acceptedAt: Number(acceptedAt) };
    });
  };

  /** What is asked of Redis until it is done, or somebody else is to do it. */
  const insist = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    for (let ms = FIRST_PAUSE_MS; !stopped; ms = Math.min(ms * 2, LONGEST_PAUSE_MS)) {
      try {
        return await work();
      } catch (error) {
        log.debug({ error, partition: partition.number }, "the queue is tried again");
        await pause(ms);
      }
    }
    return undefined;
  };

  const bury = async (entryId: string, draft: Draft | null, why: string): Promise<void> => {
    log.warn({ messageId: draft?.id ?? null, why }, "a queued message cannot be stored");
    await insist(() =>
      redis.run(
        BURY,
        [entries, ids, keys, reads, dead],
        [
          entryId,
          draft === null ? "" : String(draft.id),
          draft === null ? "" : keyOf(draft),
          why,
          String(Date.now()),
          String(options.maxDeadLetters),
        ],
      ),
    );
  };

  /** Resolves with the seq of each that is stored, by its id; or nothing, where it was stopped before. */
  const store = async (
    items: readonly Item[],
    endTurn: () => void,
  ): Promise<ReadonlyMap<number, number> | undefined> => {
    const seqs = new Map<number, number>();
    let left = items;
    for (let ms = FIRST_PAUSE_MS; left.length > 0; ms = Math.min(ms * 2, LONGEST_PAUSE_MS)) {
      if (stopped) return undefined;
      const outcomes = await writer.storeAccepted(left.map(({ draft }) => draft));
      const again: Item[] = [];
      for (const [i, item] of left.entries()) {
        const outcome = outcomes[i] as (typeof outcomes)[number];
        if (!(outcome instanceof Refusal)) seqs.set(item.draft.id, outcome.seq);
        else if (outcome.code === "unavailable" || outcome.code === "overloaded") again.push(item);
        else await bury(item.entryId, item.draft, outcome.code);
      }
      left = again;
      if (left.length > 0) {
        // Others may have more luck meanwhile.
        endTurn();
        await pause(ms);
      }
    }
    return seqs;
  };

  const noteReads = async (
    read: readonly string[],
    items: readonly Item[],
    seqs: ReadonlyMap<number, number>,
  ): Promise<void> => {
    for (let i = 0; i < read.length; i += 2) {
      const id = Number(read[i]);
      const item = items.find(({ draft }) => draft.id === id);
      const seq = seqs.get(id);
      if (item === undefined || seq === undefined) continue;
      const { conversationId } = item.draft;
      for (const userId of (read[i + 1] as string).split("\n")) {
        await insist(() =>
          writer.markMessage({ conversationId, userId, seq }).catch((error: unknown) => {
            if (error instanceof Refusal && error.code !== "unavailable") return;
            throw error;
          }),
        );
      }
    }
  };

  const finish = async (chunk: readonly Entry[], endTurn: () => void): Promise<void> => {
    const items: Item[] = [];
    for (const { id, text, acceptedAt } of chunk) {
      const draft = options.entries.read(text);
      if (draft === null) await bury(id, null, "unreadable");
      else items.push({ entryId: id, draft: { ...draft, acceptedAt } });
    }
    const seqs = await store(items, endTurn);
    if (seqs === undefined) return;
    const next = following((chunk.at(-1) as Entry).id);
    const done = items.filter(({ draft }) => seqs.has(draft.id)).map(({ draft }) => draft);
    const args = [
      next,
      String(done.length),
      ...done.map(({ id }) => String(id)),
      ...done.map(keyOf).filter((key) => key !== ""),
    ];
    for (;;) {
      const read = await insist(() => redis.run(CUT, [entries, ids, keys, reads], args));
      if (read === undefined || (read as string[]).length === 0) return;
      await noteReads(read as string[], items, seqs);
      if (stopped) return;
      await insist(() => redis.run(UNMARK, [reads], read as string[]));
    }
  };

  const run = async (): Promise<void> => {
    let isMore = false;
    while (!stopped) {
      try {
        if (!isMore && !(await wake())) continue;
        const endTurn = await turns.next();
        try {
          const chunk = stopped ? [] : await read();
          isMore = chunk.length === CHUNK;
          if (chunk.length > 0) await finish(chunk, endTurn);
        } finally {
          endTurn();
        }
      } catch {
        isMore = false;
        await pause(FIRST_PAUSE_MS + Math.random() * FIRST_PAUSE_MS);
      }
    }
  };
  const running = run();

  return {
    async stop() {
      stopped = true;
      ask();
      waiting.close();
      await running;
    },
  };
}

/** The first entry that can come behind one. */
function following(entryId: string): string {
  const [ms, seq] = entryId.split("-");
  return `${ms}-${BigInt(seq as string) + 1n}`;
}

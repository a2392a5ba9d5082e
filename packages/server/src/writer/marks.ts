import type { UnreadCounts } from "@parlance/protocol/commands.ts";
import { Refusal } from "@parlance/protocol/errors.ts";
import type { Log } from "../core/ports/log.ts";
import type { MarkLog, MarkMoved, MarkStored, MarkWish, ReadWish } from "../core/ports/message-log.ts";
import { StoreError } from "../core/ports/message-log.ts";

interface Waiter {
  resolve(moved: MarkMoved | null): void;
  reject(error: Error): void;
}

interface Waiting {
  conversationId: number;
  userId: string;
  deliveredSeq: number;
  readSeq: number;
  settle: Waiter[];
}

interface WaitingRead extends ReadWish {
  readonly settle: readonly Waiter[];
}

/** A mark that moved, to be told. */
export interface MarkTold extends MarkStored {
  /** Whether something was read, and not only delivered. */
  readonly read: boolean;
}

const BATCH = 500;
/** Delivered marks are gathered so long: in a lively conversation that is one write per person and second, not per message. */
const DELIVERED_DELAY_MS = 1_000;
const TRIES = 5;
const RETRY_DELAY_MS = 100;

/** Writes delivered and read marks in batches of their own: they take no tick, so no lane has to order them. */
export class MarkWriter {
  readonly #log: MarkLog;
  readonly #moved: (moved: readonly MarkTold[]) => void;
  readonly #report: Log;
  #waiting = new Map<string, Waiting>();
  #reads: WaitingRead[] = [];
  #running: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(log: MarkLog, moved: (moved: readonly MarkTold[]) => void, report: Log) {
    this.#log = log;
    this.#moved = moved;
    this.#report = report;
  }

  mark(wish: MarkWish): Promise<MarkMoved | null> {
    return new Promise((resolve, reject) => {
      this.#gather(wish).settle.push({ resolve, reject });
      this.#running ??= this.#run();
    });
  }

  async markMessage(wish: ReadWish): Promise<void> {
    await new Promise<MarkMoved | null>((resolve, reject) => {
      this.#reads.push({ ...wish, settle: [{ resolve, reject }] });
      this.#running ??= this.#run();
    });
  }

  noteDelivered(conversationId: number, userId: string, seq: number): void {
    this.#gather({ conversationId, userId, deliveredSeq: seq, readSeq: 0 });
    if (this.#running === null) {
      this.#timer ??= setTimeout(() => {
        this.#running ??= this.#run();
      }, DELIVERED_DELAY_MS);
    }
  }

  async markUnread(conversationId: number, userId: string, fromSeq: number): Promise<UnreadCounts | null> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#log.markUnread(conversationId, userId, fromSeq);
      } catch (error) {
        if (!(error instanceof StoreError) || error.kind !== "again" || tries === TRIES) throw error;
        await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY_MS * tries));
      }
    }
  }

  /** Writes what waits. */
  async drained(): Promise<void> {
    if (this.#waiting.size + this.#reads.length > 0) this.#running ??= this.#run();
    while (this.#running !== null) await this.#running;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #gather(wish: MarkWish): Waiting {
    const key = keyOf(wish);
    let waiting = this.#waiting.get(key);
    if (waiting === undefined) {
      waiting = { ...wish, settle: [] };
      this.#waiting.set(key, waiting);
    } else {
      waiting.deliveredSeq = Math.max(waiting.deliveredSeq, wish.deliveredSeq);
      waiting.readSeq = Math.max(waiting.readSeq, wish.readSeq);
    }
    return waiting;
  }

  async #run(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    await Promise.resolve();
    while (this.#waiting.size + this.#reads.length > 0) {
      const reads = this.#reads.splice(0, BATCH);
      if (reads.length > 0) await this.#write(reads, (batch) => this.#log.markMessages(batch));
      const batch = [...this.#waiting.values()].slice(0, BATCH);
      if (batch.length === this.#waiting.size) this.#waiting = new Map();
      else for (const wish of batch) this.#waiting.delete(keyOf(wish));
      if (batch.length > 0) await this.#write(batch, (wishes) => this.#log.mark(wishes));
    }
    this.#running = null;
  }

  async #write<W extends Waiting | WaitingRead>(
    batch: readonly W[],
    store: (batch: readonly W[]) => Promise<readonly MarkStored[]>,
  ): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        const moved = await store(batch);
        const byKey = new Map(moved.map((m) => [keyOf(m), { ...m, read: false }]));
        for (const wish of batch) {
          const own = byKey.get(keyOf(wish)) ?? null;
          for (const waiter of wish.settle) waiter.resolve(own);
          if (own !== null) own.read ||= !("readSeq" in wish) || wish.readSeq > 0;
        }
        if (moved.length > 0) this.#moved([...byKey.values()]);
        return;
      } catch (error) {
        if (error instanceof StoreError && error.kind === "again" && tries < TRIES) {
          await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY_MS * tries));
          continue;
        }
        const poisoned = error instanceof StoreError && error.kind === "poison";
        if (poisoned && batch.length > 1) {
          // Until the one that cannot be stored stands alone.
          const middle = batch.length >> 1;
          await this.#write(batch.slice(0, middle), store);
          await this.#write(batch.slice(middle), store);
          return;
        }
        this.#report.warn({ marks: batch.length }, "marks could not be stored");
        const refusal = poisoned
          ? new Refusal("invalid", "This cannot be stored")
          : new Refusal("unavailable", "The store cannot be reached, try again", 1);
        for (const wish of batch) for (const waiter of wish.settle) waiter.reject(refusal);
        return;
      }
    }
  }
}

function keyOf({ conversationId, userId }: { conversationId: number; userId: string }): string {
  return `${conversationId} ${userId}`;
}

import { Refusal } from "@parlance/protocol/errors.ts";
import type { Log } from "../core/ports/log.ts";
import type { Appended, AppendOutcome, MessageLog } from "../core/ports/message-log.ts";
import { StoreError } from "../core/ports/message-log.ts";
import type { Announce } from "./announce.ts";
import {
  type BatchLimits,
  type ChangeEntry,
  type DraftEntry,
  type Entry,
  SKIPS_BEFORE_WAITING,
  takeBatch,
} from "./entry.ts";

export interface LaneOptions {
  readonly log: MessageLog;
  readonly announce: Announce;
  readonly limits: BatchLimits;
  /** How long a batch whose outcome is unknown is tried again before its entries are answered `unavailable`. */
  readonly patienceMs: number;
  readonly report: Log;
}

const FIRST_DELAY_MS = 20;
const LONGEST_DELAY_MS = 1_000;

/**
 * One line of entries, written a batch at a time: while one batch commits, the next gathers, without a timer.
 * An entry is settled when its batch has committed, and only then is anybody told.
 */
export class Lane {
  readonly #options: LaneOptions;
  readonly #queue: Entry[] = [];
  #running: Promise<void> | null = null;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /** Entries given and not yet taken into a batch. */
  get waiting(): number {
    return this.#queue.length;
  }

  push(entry: Entry): void {
    this.#queue.push(entry);
    this.#running ??= this.#run();
  }

  /** Resolves when everything that was pushed is settled. */
  async drained(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #run(): Promise<void> {
    // What is pushed in the same turn of the event loop goes into the first batch.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const batch = takeBatch(this.#queue, this.#options.limits);
      if ((batch[0] as Entry).kind === "draft") await this.#append(batch as DraftEntry[], false);
      else await this.#change(batch as ChangeEntry[]);
    }
    this.#running = null;
  }

  async #append(entries: DraftEntry[], recheck: boolean): Promise<void> {
    const wait = (entries[0] as DraftEntry).skips >= SKIPS_BEFORE_WAITING;
    const appended = await this.#persist(
      entries,
      (again) =>
        this.#options.log.append(
          entries.map((entry) => entry.draft),
          { wait, recheck: recheck || again },
        ),
      (half, again) => this.#append(half as DraftEntry[], recheck || again),
    );
    if (appended !== null) this.#settleDrafts(entries, appended);
  }

  #settleDrafts(entries: readonly DraftEntry[], appended: Appended): void {
    const held: DraftEntry[] = [];
    const stored: { entry: DraftEntry; seq: number }[] = [];
    for (const [i, entry] of entries.entries()) {
      const outcome = appended.outcomes[i] as AppendOutcome;
      if (outcome.kind === "stored") stored.push({ entry, seq: outcome.seq });
      else if (outcome.kind === "held") held.push(entry);
      settleDraft(entry, outcome, appended.at);
    }
    this.#options.announce.stored(stored, appended);
    for (const entry of held) entry.skips++;
    if (held.length > 0) this.#queue.unshift(...held);
  }

  async #change(entries: ChangeEntry[]): Promise<void> {
    const changed = await this.#persist(
      entries,
      () => this.#options.log.change(entries.map((entry) => entry.change)),
      (half) => this.#change(half as ChangeEntry[]),
    );
    if (changed === null) return;
    for (const [i, entry] of entries.entries()) {
      const outcome = changed.outcomes[i];
      if (outcome !== undefined) entry.resolve(outcome);
    }
    this.#options.announce.changed(entries, changed);
  }

  /**
   * One batch to the store, whatever it takes: a poisoned batch is halved, in order, until the one draft that
   * cannot be stored is refused alone; an unknown outcome is tried again, which is safe because ids and keys
   * are looked up. Null when the entries were settled here.
   */
  async #persist<Result>(
    entries: readonly Entry[],
    write: (again: boolean) => Promise<Result>,
    halve: (half: Entry[], again: boolean) => Promise<void>,
  ): Promise<Result | null> {
    const deadline = performance.now() + this.#options.patienceMs;
    for (
      let delay = FIRST_DELAY_MS, again = false;
      ;
      delay = Math.min(delay * 2, LONGEST_DELAY_MS), again = true
    ) {
      try {
        return await write(again);
      } catch (error) {
        const kind = error instanceof StoreError ? error.kind : "unavailable";
        if (kind === "poison" && entries.length > 1) {
          const middle = entries.length >> 1;
          await halve(entries.slice(0, middle), again);
          await halve(entries.slice(middle), again);
          return null;
        }
        if (kind === "again" && performance.now() < deadline) {
          await new Promise((resolve) => setTimeout(resolve, delay * (0.5 + Math.random())));
          continue;
        }
        const refusal =
          kind === "poison"
            ? new Refusal("invalid", "This cannot be stored")
            : new Refusal("unavailable", "The store cannot be reached, try again", 1);
        const code = error instanceof StoreError ? error.code : "unknown";
        this.#options.report.warn(
          { code, kind, entries: entries.length },
          "a batch was refused by the store",
        );
        for (const entry of entries) entry.reject(refusal);
        return null;
      }
    }
  }
}

function settleDraft(entry: DraftEntry, outcome: AppendOutcome, at: number): void {
  const { conversationId } = entry;
  switch (outcome.kind) {
    case "stored":
      entry.resolve({ conversationId, id: entry.draft.id, seq: outcome.seq, at, duplicate: false });
      break;
    case "repeat":
      // The same id is this very draft, stored by a try whose answer was lost: not a duplicate to its sender.
      entry.resolve({
        conversationId,
        id: outcome.id,
        seq: outcome.seq,
        at: outcome.at,
        duplicate: outcome.id !== entry.draft.id,
      });
      break;
    case "key_reused":
      entry.reject(new Refusal("key_reused", "This idempotency key was used with different content"));
      break;
    case "not_participant":
      entry.reject(new Refusal("not_participant", "User is not a participant in this conversation"));
      break;
    case "held":
      break;
  }
}

import type { Consumer, FollowBatch, FollowStore, TickRange } from "../core/ports/follow.ts";
import type { Log } from "../core/ports/log.ts";
import { StoreError } from "../core/ports/message-log.ts";

export interface FollowerOptions {
  readonly store: FollowStore;
  readonly consumer: Consumer;
  /** This process, by a name no other has. */
  readonly holder: string;
  readonly log: Log;
  /** While the writer has all it can do, the follower does little: what it does can wait, and senders cannot. */
  readonly isBusy: () => boolean;
  /** Between two looks while there is something to do, and at most until what `moved` told is looked for. */
  readonly pollMs?: number;
  /** Between two looks when nothing was told: what other processes stored is seen so late. */
  readonly idleMs?: number;
  readonly leaseMs?: number;
  /** What one look brings, and what the consumer gets of it at once. */
  readonly lookTicks?: number;
  readonly maxTicks?: number;
}

export interface Follower {
  /** This process has stored something. */
  moved(): void;
  /** How long the oldest of what its consumer has to do had waited when it last looked; 0 where another process does it. */
  behindMs(): number;
  /** Finishes what is under way and lets another process go on at once. */
  stop(): Promise<void>;
}

/** How soon what was committed is seen, where little is to do. */
const POLL_MS = 250;
/**
 * Where much is to do, so many times later: what a look costs hangs on how many conversations moved. With two hundred
 * of them it is 26 us of PostgreSQL a message at once, and 5 us after a second.
 */
const GATHERING = 4;
/** A look costs 1 to 10 ms of PostgreSQL, for which the emptied rows are still to be passed over. */
const IDLE_MS = 1_500;
/** So long after a process was killed another goes on. */
const LEASE_MS = 5_000;
const LOOK_TICKS = 2_048;
/** At once: large enough to be cheap, small enough to hold up nobody, for words are made on the event loop. */
const MAX_TICKS = 128;
/**
 * While the writer has all it can do the follower works a twentieth of the time. While it writes at all, a tenth: a
 * third if that is not enough and the oldest has waited for ten seconds.
 */
const REST_WHEN_BUSY = 19;
const REST_WHEN_WRITING = 9;
const REST_WHEN_LATE = 2;
const LATE_MS = 10_000;
const LONGEST_REST_MS = 2_000;

/**
 * Brings every committed tick to a consumer, at least once and of each conversation in order, in one process at a time
 * over one database.
 */
export function startFollower(options: FollowerOptions): Follower {
  const { store, consumer, holder, log, isBusy } = options;
  const { pollMs = POLL_MS, idleMs = IDLE_MS, leaseMs = LEASE_MS } = options;
  const { lookTicks = LOOK_TICKS, maxTicks = MAX_TICKS } = options;
  let stopped = false;
  let behindMs = 0;
  /** Something was stored since the last look began. */
  let hasMoved = false;
  /** Set while there is nothing to do. */
  let endIdling: (() => void) | null = null;
  let endRest = (): void => {};

  const rest = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      if (stopped) return resolve();
      const timer = setTimeout(resolve, ms);
      endRest = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const idle = async (ms: number): Promise<void> => {
    if (!hasMoved) {
      endIdling = () => endRest();
      await rest(ms);
      endIdling = null;
    }
    if (hasMoved) await rest(pollMs);
  };

  /** Consumes a batch, or in parts what can be consumed of it. */
  const consume = async (batch: FollowBatch): Promise<void> => {
    try {
      await consumer.consume(batch);
    } catch (error) {
      if (error instanceof StoreError && error.kind !== "poison") throw error;
      const halves = halved(batch.ranges);
      if (halves !== null) {
        for (const ranges of halves) await consume({ ...batch, ranges });
        return;
      }
      const reason =
        error instanceof StoreError ? error.code : error instanceof Error ? error.name : "unknown";
      log.error(
        { consumer: consumer.name, ...batch.ranges[0], reason },
        "a tick cannot be followed and is passed over",
      );
      await store.skip(batch, reason);
    }
  };

  /** Senders go first. */
  const giveWay = async (tookMs: number): Promise<void> => {
    if (isBusy()) await rest(Math.min(tookMs * REST_WHEN_BUSY, LONGEST_REST_MS));
    else if (hasMoved) {
      const share = behindMs > LATE_MS ? REST_WHEN_LATE : REST_WHEN_WRITING;
      await rest(Math.min(tookMs * share, pollMs));
    }
  };

  /** One look, what there is to do by it, and the rest after it. */
  const look = async (): Promise<void> => {
    const began = performance.now();
    hasMoved = false;
    const work = await store.next(consumer.name, holder, { leaseMs, ticks: lookTicks });
    behindMs = work?.behindMs ?? 0;
    // Another process does the work: what is stored here is no reason to look sooner.
    if (work === null) return await rest(Math.min(leaseMs / 2, LONGEST_REST_MS));
    const { batch } = work;
    if (batch.ranges.length === 0) return await idle(Math.min(leaseMs / 2, idleMs));
    for (const ranges of parted(batch.ranges, maxTicks)) {
      const start = performance.now();
      await consume({ ...batch, ranges });
      await giveWay(performance.now() - start);
      // What is left is asked for again, and with it the lease.
      if (stopped || performance.now() - began > leaseMs / 2) return;
    }
    const ticks = ticksOf(batch.ranges);
    if (ticks <= maxTicks) await rest(pollMs);
    else if (ticks < lookTicks) await rest(Math.min(leaseMs / 2, pollMs * GATHERING));
  };

  const run = async (): Promise<void> => {
    let isKnown = false;
    while (!stopped) {
      try {
        if (!isKnown) await store.follow(consumer);
        isKnown = true;
        await look();
      } catch (error) {
        // Another process may have taken over meanwhile, or the store is away: it is asked again.
        const reason = error instanceof StoreError ? error.code : error;
        log.warn({ consumer: consumer.name, reason }, "cannot follow, trying again");
        await rest(LONGEST_REST_MS / 2);
      }
    }
    if (isKnown) await store.release(consumer.name, holder).catch(() => {});
  };
  const running = run();

  return {
    moved() {
      hasMoved = true;
      endIdling?.();
    },
    behindMs: () => behindMs,
    async stop() {
      stopped = true;
      endRest();
      await running;
    },
  };
}

const ticksOf = (ranges: readonly TickRange[]): number =>
  ranges.reduce((sum, range) => sum + range.through - range.since, 0);

/** In their order, `maxTicks` ticks at a time. */
function* parted(ranges: readonly TickRange[], maxTicks: number): Generator<TickRange[]> {
  let part: TickRange[] = [];
  let room = maxTicks;
  for (const { conversationId, since, through } of ranges) {
    for (let from = since; from < through; ) {
      const to = Math.min(through, from + room);
      part.push({ conversationId, since: from, through: to });
      room -= to - from;
      from = to;
      if (room > 0) continue;
      yield part;
      part = [];
      room = maxTicks;
    }
  }
  if (part.length > 0) yield part;
}

/** The first half before the second; null where there is but one tick. */
function halved(ranges: readonly TickRange[]): readonly [TickRange[], TickRange[]] | null {
  const [only] = ranges;
  if (only === undefined) return null;
  if (ranges.length > 1) {
    const middle = Math.ceil(ranges.length / 2);
    return [ranges.slice(0, middle), ranges.slice(middle)];
  }
  if (only.through - only.since <= 1) return null;
  const middle = Math.floor((only.since + only.through) / 2);
  return [[{ ...only, through: middle }], [{ ...only, since: middle }]];
}

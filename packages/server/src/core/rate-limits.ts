import { Refusal } from "@parlance/protocol/errors.ts";
import type { Caller } from "./caller.ts";

const MINUTE_MS = 60_000;
const MAX_BUCKETS = 100_000;
/** Looking for buckets that are full again takes milliseconds where there are many: not more often than this. */
const LOOK_MS = 1_000;

export interface RateLimit {
  /** Takes one from the user's bucket; refuses with `rate_limited` and the wait. Services and operators are exempt. */
  take(caller: Caller): void;
  /** Gives one back: what was asked turned out to be a repeat. */
  refund(caller: Caller): void;
}

/**
 * A bucket per user, as large as a minute's limit, that refills evenly. Of more than `maxBuckets` users who are
 * below their limit those who came first are forgotten, and begin anew.
 * @param perMinute null: no limit
 * @param now a clock that never goes back, in milliseconds
 */
export function createRateLimit(
  perMinute: number | null,
  now: () => number,
  maxBuckets = MAX_BUCKETS,
): RateLimit {
  const buckets = new Map<string, { left: number; at: number }>();
  if (perMinute === null) return { take: () => {}, refund: () => {} };
  const perMs = perMinute / MINUTE_MS;
  let lookedAt = Number.NEGATIVE_INFINITY;

  const bucketOf = (userId: string) => {
    const at = now();
    let bucket = buckets.get(userId);
    if (bucket === undefined) {
      if (buckets.size >= maxBuckets) makeRoom(at);
      bucket = { left: perMinute, at };
      buckets.set(userId, bucket);
    }
    bucket.left = Math.min(perMinute, bucket.left + (at - bucket.at) * perMs);
    bucket.at = at;
    return bucket;
  };
  const makeRoom = (at: number) => {
    if (at - lookedAt >= LOOK_MS) {
      lookedAt = at;
      for (const [id, { left, at: since }] of buckets) {
        if (left + (at - since) * perMs >= perMinute) buckets.delete(id);
      }
    }
    for (const id of buckets.keys()) {
      if (buckets.size < maxBuckets) break;
      buckets.delete(id);
    }
  };

  return {
    take({ rights, userId }) {
      if (rights !== "user" || userId === null) return;
      const bucket = bucketOf(userId);
      if (bucket.left < 1) {
        const wait = Math.ceil((1 - bucket.left) / perMs / 1_000);
        throw new Refusal("rate_limited", `Not more than ${perMinute} a minute`, wait);
      }
      bucket.left -= 1;
    },
    refund({ rights, userId }) {
      if (rights !== "user" || userId === null) return;
      const bucket = bucketOf(userId);
      bucket.left = Math.min(perMinute, bucket.left + 1);
    },
  };
}

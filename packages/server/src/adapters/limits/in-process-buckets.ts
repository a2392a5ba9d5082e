import type { RateBuckets } from "../../core/ports/rate-buckets.ts";

const MINUTE_MS = 60_000;
const MAX_BUCKETS = 100_000;
/** Looking for buckets that are full again takes milliseconds where there are many: not more often than this. */
const LOOK_MS = 1_000;

/**
 * The buckets of one process. Of more than `maxBuckets` users who are below their limit those who came first are
 * forgotten, and begin anew.
 * @param now a clock that never goes back, in milliseconds
 */
export function createInProcessBuckets(
  perMinute: number,
  now: () => number,
  maxBuckets = MAX_BUCKETS,
): RateBuckets & { take(userId: string): number } {
  const buckets = new Map<string, { left: number; at: number }>();
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
    take(userId) {
      const bucket = bucketOf(userId);
      if (bucket.left < 1) return (1 - bucket.left) / perMs;
      bucket.left -= 1;
      return 0;
    },
    giveBack(userId) {
      const bucket = bucketOf(userId);
      bucket.left = Math.min(perMinute, bucket.left + 1);
    },
  };
}

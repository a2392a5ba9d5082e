import type { RateBuckets } from "../../core/ports/rate-buckets.ts";
import { type Redis, script } from "../redis/redis.ts";

const MINUTE_MS = 60_000;
/** A slower answer is not waited for. */
const PATIENCE_MS = 250;
/** After one that was too slow the buckets in the process serve for so long. */
const REST_MS = 2_000;

/**
 * A bucket as the one time at which it will be full again (GCRA). Keys: the bucket. Arguments: how long one takes to
 * come back, how long all do, both in milliseconds. Answers 0, or in how many milliseconds there will be one.
 */
const TAKE = script(`
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local full = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0)) + ARGV[1]
if full - now > ARGV[2] + 0.001 then return math.ceil(full - now - ARGV[2]) end
redis.call('SET', KEYS[1], string.format('%.3f', full), 'PX', math.ceil(full - now))
return 0`);

/** Keys: the bucket. Arguments: how long one takes to come back. */
const GIVE_BACK = script(`
local full = redis.call('GET', KEYS[1])
if full then redis.call('SET', KEYS[1], string.format('%.3f', full - ARGV[1]), 'KEEPTTL') end
return 0`);

/**
 * Buckets that all processes share. While Redis does not answer, or not soon, each process goes by its own: a user may
 * then do as much on each.
 * @param name of the keys of this limit
 */
export function createRedisBuckets(
  redis: Redis,
  name: string,
  perMinute: number,
  own: RateBuckets,
  now: () => number,
): RateBuckets {
  const interval = String(MINUTE_MS / perMinute);
  let restsUntil = 0;

  const take = async (userId: string): Promise<number> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(resolve, PATIENCE_MS, null);
    });
    try {
      const key = `${name}:${userId}`;
      const wait = await Promise.race([redis.run(TAKE, [key], [interval, String(MINUTE_MS)]), late]);
      if (wait !== null) return wait as number;
      restsUntil = now() + REST_MS;
    } catch {
      restsUntil = now() + REST_MS;
    } finally {
      clearTimeout(timer);
    }
    return await own.take(userId);
  };
  const usesOwn = (): boolean => !redis.isUp() || now() < restsUntil;

  return {
    take: (userId) => (usesOwn() ? own.take(userId) : take(userId)),
    giveBack(userId) {
      if (usesOwn()) own.giveBack(userId);
      else redis.run(GIVE_BACK, [`${name}:${userId}`], [interval]).catch(() => {});
    },
  };
}

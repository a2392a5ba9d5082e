import { Refusal } from "@parlance/protocol/errors.ts";
import type { Caller } from "./caller.ts";
import type { RateBuckets } from "./ports/rate-buckets.ts";

export interface RateLimit {
  /**
   * Takes one from the user's bucket; refuses with `rate_limited` and the wait, thrown or, where there is something to
   * wait for, in the promise. Services and operators are exempt.
   */
  take(caller: Caller): Promise<void> | undefined;
  /** Gives one back: what was asked turned out to be a repeat. */
  refund(caller: Caller): void;
}

/** @param buckets null: no limit */
export function createRateLimit(perMinute: number, buckets: RateBuckets | null): RateLimit {
  const limited = ({ rights, userId }: Caller): string | null =>
    buckets === null || rights !== "user" ? null : userId;
  const check = (waitMs: number): undefined => {
    if (waitMs <= 0) return undefined;
    throw new Refusal("rate_limited", `Not more than ${perMinute} a minute`, Math.ceil(waitMs / 1_000));
  };

  return {
    take(caller) {
      const userId = limited(caller);
      if (userId === null || buckets === null) return undefined;
      const wait = buckets.take(userId);
      return wait instanceof Promise ? wait.then(check) : check(wait);
    },
    refund(caller) {
      const userId = limited(caller);
      if (userId !== null) buckets?.giveBack(userId);
    },
  };
}

export const NO_LIMIT = createRateLimit(0, null);

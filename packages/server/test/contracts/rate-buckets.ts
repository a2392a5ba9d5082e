import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { RateBuckets } from "../../src/core/ports/rate-buckets.ts";

/** The same buckets as several nodes see them; within one process there is one view. */
export interface BucketsScene {
  readonly views: readonly [RateBuckets, ...RateBuckets[]];
  /** Lets so many milliseconds pass; several may have. */
  pass(ms: number): Promise<void>;
  close(): Promise<void>;
}

/** What `core/ports/rate-buckets.ts` promises, for every kind of buckets there is. */
export function rateBucketsContract(name: string, open: (perMinute: number) => Promise<BucketsScene>): void {
  describe(name, () => {
    const PER_MINUTE = 120;
    /** In which one comes back. */
    const ONE_MS = 60_000 / PER_MINUTE;
    let scene: BucketsScene;
    beforeEach(async () => {
      scene = await open(PER_MINUTE);
    });
    afterEach(() => scene.close());
    const any = (i: number): RateBuckets => scene.views[i % scene.views.length] as RateBuckets;
    const empty = async (userId: string): Promise<void> => {
      for (let i = 0; i < 10 * PER_MINUTE; i++) if ((await any(i).take(userId)) > 0) return;
      throw new Error("there is no end to it");
    };

    test("a bucket holds a minute's worth, on all nodes together, and each user has one", async () => {
      const taken = await Promise.all(Array.from({ length: 2 * PER_MINUTE }, (_, i) => any(i).take("ann")));
      const count = taken.filter((wait) => wait === 0).length;
      expect(count).toBeGreaterThanOrEqual(PER_MINUTE);
      // What has come back while it was asked.
      expect(count).toBeLessThan(PER_MINUTE + 10);
      expect(await any(1).take("bob")).toBe(0);
    });

    test("an empty one says when there will be one again, and then there is", async () => {
      await empty("ann");
      const wait = await any(0).take("ann");
      expect(wait).toBeGreaterThan(0);
      expect(wait).toBeLessThanOrEqual(ONE_MS);
      await scene.pass(wait);
      expect(await any(1).take("ann")).toBe(0);
      expect(await any(1).take("ann")).toBeGreaterThan(0);
    });

    test("one that is given back can be taken, and never are there more than fit", async () => {
      await empty("ann");
      any(0).giveBack("ann");
      await expect.poll(() => any(0).take("ann")).toBe(0);
      any(0).giveBack("bob");
      const taken = await Promise.all(Array.from({ length: 2 * PER_MINUTE }, () => any(0).take("bob")));
      expect(taken.filter((wait) => wait === 0).length).toBeLessThan(PER_MINUTE + 10);
    });
  });
}

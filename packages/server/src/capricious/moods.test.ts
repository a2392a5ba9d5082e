import { describe, expect, test } from "vitest";
import { createMoods, type MoodOptions } from "./moods.ts";

const OPTIONS: MoodOptions = {
  seed: 1,
  latencyMs: 1_500,
  unavailablePercent: 5,
  timeoutPercent: 5,
  afterPercent: 2,
  timeoutMs: 5_000,
};
const DRAWS = 50_000;

/** Five standard deviations of a share of so many draws. */
const within = (share: number): number => 5 * Math.sqrt((share * (1 - share)) / DRAWS);

describe("moods", () => {
  test.each([1, 2, 77, 2_147_483_647, 0])("with seed %i come as often as they should", (seed) => {
    const moods = createMoods({ ...OPTIONS, seed });
    const drawn = Array.from({ length: DRAWS }, () => moods.next());
    const shares = { none: 0.88, unavailable: 0.05, timeout: 0.05, after: 0.02 };
    for (const [fault, share] of Object.entries(shares)) {
      const measured = drawn.filter((mood) => mood.fault === fault).length / DRAWS;
      expect(Math.abs(measured - share), fault).toBeLessThan(within(share));
    }
    for (const waits of [drawn.map((mood) => mood.waitBefore), drawn.map((mood) => mood.waitAfter)]) {
      expect(Math.min(...waits)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...waits)).toBeLessThan(1_500);
      expect(waits.reduce((sum, wait) => sum + wait, 0) / DRAWS).toBeCloseTo(750, -2);
    }
    const copies = Array.from({ length: DRAWS }, () => moods.copies());
    for (const [times, share] of [1 / 3, 4 / 9, 2 / 9].entries()) {
      const measured = copies.filter((drawnTimes) => drawnTimes === times + 1).length / DRAWS;
      expect(Math.abs(measured - share), `${times + 1} times`).toBeLessThan(within(share));
    }
  });

  test("are the same for the same seed and others for another, whatever listeners draw meanwhile", () => {
    const [one, same, other] = [1, 1, 2].map((seed) => createMoods({ ...OPTIONS, seed }));
    const draw = (from: typeof one) => Array.from({ length: 100 }, () => from?.next());
    for (let i = 0; i < 7; i++) same?.copies();
    const drawn = draw(one);
    expect(draw(same)).toEqual(drawn);
    expect(draw(other)).not.toEqual(drawn);
  });
});

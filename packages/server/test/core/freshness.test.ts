import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createFreshness } from "../../src/core/presence/freshness.ts";

const LIMIT_MS = 10_000;

beforeEach(() => vi.useFakeTimers({ now: 0 }));
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

function scene() {
  const stale: [string, number, number][] = [];
  const freshness = createFreshness<string>(
    LIMIT_MS,
    (key, silentMs) => stale.push([key, Date.now(), silentMs]),
    Date.now,
  );
  return { freshness, stale };
}

test("each is stale once, when it was not heard of for as long as that", () => {
  const { freshness, stale } = scene();
  freshness.touch("ann");
  vi.advanceTimersByTime(4_000);
  freshness.touch("bob");
  vi.advanceTimersByTime(5_000);
  freshness.touch("ann");
  vi.advanceTimersByTime(60_000);
  expect(stale).toEqual([
    ["bob", 14_000, 10_000],
    ["ann", 19_000, 10_000],
  ]);
});

test("who is heard of again after that begins anew; who is forgotten is not stale", () => {
  const { freshness, stale } = scene();
  freshness.touch("ann");
  vi.advanceTimersByTime(11_000);
  freshness.touch("ann");
  freshness.touch("bob");
  freshness.forget("bob");
  vi.advanceTimersByTime(30_000);
  expect(stale.map(([key]) => key)).toEqual(["ann", "ann"]);
  freshness.touch("cyd");
  freshness.close();
  vi.advanceTimersByTime(30_000);
  expect(stale.length).toBe(2);
});

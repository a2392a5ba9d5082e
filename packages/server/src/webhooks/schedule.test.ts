import { expect, test } from "vitest";
import { DAY_OF_RETRIES, nextTry } from "./schedule.ts";

const HOUR = 3_600_000;
const tried = (tries: number, retryAfter: string | null = null, random = 0.5) =>
  nextTry(DAY_OF_RETRIES, {
    tries,
    retryAfter,
    now: Date.parse("2026-01-01T00:00:00Z"),
    random: () => random,
  });

test("the first after a few seconds, the last within a day, each later than the one before", () => {
  expect(tried(1, null, 0)).toBe(4_000);
  expect(tried(1, null, 0.999)).toBeLessThan(6_000);
  expect(DAY_OF_RETRIES).toEqual([...DAY_OF_RETRIES].sort((a, b) => a - b));
  const total = DAY_OF_RETRIES.reduce((sum, wait) => sum + wait, 0);
  expect(total).toBeGreaterThan(23 * HOUR);
  expect(total).toBeLessThanOrEqual(25 * HOUR);
  expect(tried(DAY_OF_RETRIES.length)).not.toBeNull();
  expect(tried(DAY_OF_RETRIES.length + 1)).toBeNull();
});

test("Retry-After is kept to, up to an hour, and never makes it sooner", () => {
  expect(tried(1, "60")).toBe(60_000);
  expect(tried(1, "1")).toBe(5_000);
  expect(tried(1, "31536000")).toBe(HOUR);
  expect(tried(1, "Thu, 01 Jan 2026 00:02:00 GMT")).toBe(120_000);
  expect(tried(1, "Thu, 01 Jan 1970 00:02:00 GMT")).toBe(5_000);
  for (const odd of ["", "soon", "-5", "1e9", "9".repeat(400)]) expect(tried(1, odd)).toBe(5_000);
});

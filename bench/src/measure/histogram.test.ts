import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Histogram, mergeAll } from "./histogram.ts";

function exactPercentile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil(fraction * sorted.length)) - 1]!;
}

function filled(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

const microseconds = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const fractions = fc.constantFrom(0.01, 0.5, 0.9, 0.99, 0.999, 1);

describe("a percentile", () => {
  test("is never below the exact one, and at most 1.6 % above", () => {
    fc.assert(
      fc.property(fc.array(microseconds, { minLength: 1, maxLength: 300 }), fractions, (values, fraction) => {
        const exact = exactPercentile(values, fraction);
        const found = filled(values).percentile(fraction);
        expect(found).toBeGreaterThanOrEqual(exact);
        expect(found).toBeLessThanOrEqual(Math.ceil(exact * (1 + 1 / 64)));
      }),
    );
  });

  test("is exact below 128 µs", () => {
    for (const value of [0, 1, 63, 64, 127]) expect(filled([value]).percentile(0.5)).toBe(value);
  });

  test("of nothing is 0", () => {
    expect(new Histogram().percentile(0.99)).toBe(0);
  });
});

describe("merging", () => {
  test("gives what one histogram over all values would have", () => {
    fc.assert(
      fc.property(fc.array(fc.array(microseconds)), fractions, (parts, fraction) => {
        const merged = mergeAll(parts.map((part) => filled(part).toData()));
        const whole = filled(parts.flat());
        expect(merged.total).toBe(whole.total);
        expect(merged.max).toBe(whole.max);
        expect(merged.percentile(fraction)).toBe(whole.percentile(fraction));
      }),
    );
  });

  test("survives JSON, which is how it crosses processes", () => {
    const histogram = filled([5, 5, 700, 1_000_000]);
    const copy = mergeAll([JSON.parse(JSON.stringify(histogram.toData()))]);
    expect(copy.toData()).toEqual(histogram.toData());
  });
});

test("values below 0 and beyond the range are kept at its ends", () => {
  const histogram = filled([-3, Number.POSITIVE_INFINITY]);
  expect(histogram.percentile(0.5)).toBe(0);
  expect(histogram.max).toBe(2 ** 31 - 1);
});

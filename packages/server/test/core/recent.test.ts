import { expect, test } from "vitest";
import { Recent } from "../../src/core/recent.ts";

test("what was put in is forgotten after its age, whoever comes between and whenever", () => {
  let at = 0;
  const recent = new Recent<string, number>(100, 100, () => at);
  for (const looks of [[], [99], [50, 99], [10, 60, 99], [1, 2, 99]]) {
    const start = at;
    recent.set("key", start);
    for (const look of looks) {
      at = start + look;
      recent.get("another");
    }
    at = start + 101;
    expect(recent.get("key"), `after looks at ${looks}`).toBeUndefined();
    at += 33;
  }
});

test("what was put in is there for half its age at least", () => {
  let at = 1_000;
  const recent = new Recent<string, number>(100, 100, () => at);
  for (let i = 0; i < 20; i++) {
    recent.set("key", i);
    at += 49;
    expect(recent.get("key")).toBe(i);
    at += 8;
  }
});

test("it holds no more than it may, and the latest of what it was given", () => {
  const recent = new Recent<number, number>(100, 1_000, () => 0);
  for (let i = 0; i < 1_000; i++) recent.set(i, i);
  const held = Array.from({ length: 1_000 }, (_, i) => recent.get(i)).filter((value) => value !== undefined);
  expect(held.length).toBeLessThanOrEqual(100);
  expect(held.slice(-40)).toEqual(Array.from({ length: 40 }, (_, i) => 960 + i));
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { agreeOnHeartBeats, NO_HEART_BEATS, Pulse } from "./heart-beats.ts";

describe("what is agreed on", () => {
  test.each([
    [undefined, NO_HEART_BEATS],
    ["0,0", { send: null, expect: null }],
    ["1,1", { send: 10_000, expect: 10_000 }],
    ["0,5000", { send: 10_000, expect: null }],
    ["20000,0", { send: null, expect: 20_000 }],
    ["30000,40000", { send: 40_000, expect: 30_000 }],
  ])("%o", (header, beats) => {
    expect(agreeOnHeartBeats(header, 10_000)).toEqual(beats);
  });

  test.each(["", "1", "a,b", "0,-5", "1e9,1e9", "1,2,3", "1, 2", " 1,2", "1.5,2", "9999999999,1"])(
    "%o is none",
    (header) => {
      expect(() => agreeOnHeartBeats(header, 10_000)).toThrow("heart-beat");
    },
  );
});

/** Visits each `visitMs` up to `untilMs`; answers when what was due. */
function visits(
  pulse: Pulse,
  visitMs: number,
  untilMs: number,
  wrote: (at: number) => void,
): [number, string][] {
  const due: [number, string][] = [];
  for (let now = visitMs; now <= untilMs; now += visitMs) {
    const what = pulse.visit(now);
    if (what !== null) due.push([now, what]);
    if (what === "beat") wrote(now);
    if (what === "silent") break;
  }
  return due;
}

test("a beat is never later than agreed, whatever else is written", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(30_000)), (writes) => {
      const pulse = new Pulse(2_000, 25_000, 0);
      pulse.agree({ send: 10_000, expect: null });
      const sent = [0];
      for (let now = 0; now <= 40_000; now += 100) {
        if (writes.some((at) => at - (at % 100) === now)) {
          pulse.wrote(now);
          sent.push(now);
        }
        if (now % 2_000 !== 0) continue;
        pulse.heard(now);
        if (pulse.visit(now) !== "beat") continue;
        pulse.wrote(now);
        sent.push(now);
      }
      expect(sent.every((at, i) => at - (sent[i - 1] ?? 0) <= 10_000)).toBe(true);
      expect(sent.at(-1)).toBeGreaterThanOrEqual(30_000);
    }),
  );
});

test("a promised beat may be late by as long again", () => {
  const pulse = new Pulse(2_000, 25_000, 0);
  pulse.agree({ send: null, expect: 10_000 });
  expect(visits(pulse, 2_000, 60_000, () => {})).toEqual([[24_000, "silent"]]);
});

test("who was silent while the process stood still is not blamed for it", () => {
  const pulse = new Pulse(2_000, 25_000, 0);
  pulse.agree({ send: null, expect: 10_000 });
  expect(visits(pulse, 2_000, 10_000, () => {})).toEqual([]);
  expect(pulse.visit(70_000)).toBe(null);
  expect(pulse.visit(72_000)).toBe(null);
  for (let now = 74_000; now <= 80_000; now += 2_000) expect(pulse.visit(now)).toBe(null);
  expect(pulse.visit(82_000)).toBe("silent");
});

test.each([null, 999_999_999])("who promises %o is asked, and gone when it does not answer", (expected) => {
  const pulse = new Pulse(2_000, 25_000, 0);
  pulse.agree({ send: null, expect: expected });
  expect(visits(pulse, 2_000, 100_000, () => {})).toEqual([
    [26_000, "ping"],
    [52_000, "ping"],
    [54_000, "silent"],
  ]);
  const answering = new Pulse(2_000, 25_000, 0);
  for (let now = 2_000; now <= 200_000; now += 2_000) {
    const due = answering.visit(now);
    expect(due).not.toBe("silent");
    if (due === "ping") answering.heard(now);
  }
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { positionAfter, positionHead, readPosition, spellPosition } from "./position.ts";

const HEAD = positionHead("47e42418-0000-4000-8000-000000000000", 798, 1_795_265_584);
const conversation = fc.integer({ min: 1, max: 300 });
const tick = fc.tuple(conversation, fc.integer({ min: 1, max: 2 ** 40 }));

test("a position after an event names that event's tick and keeps all other names", () => {
  fc.assert(
    fc.property(fc.array(tick, { maxLength: 120 }), (ticks) => {
      const clocks = new Map<number, number>();
      let position = HEAD;
      for (const [conversationId, clock] of ticks) {
        clocks.set(conversationId, clock);
        position = positionAfter(position, conversationId, clock);
        expect(readPosition(position)?.clocks).toEqual(clocks);
      }
      const read = readPosition(position);
      expect(read).toMatchObject({ horizon: 798, at: 1_795_265_584, epoch: "47e42418" });
      expect(read === null ? null : spellPosition(read)).toBe(position);
    }),
  );
});

test("one conversation's name is not mistaken for the end or the beginning of another's", () => {
  let position = HEAD;
  for (const id of [36 + 1, 1, 36 * 36 + 36 + 1, 2]) position = positionAfter(position, id, id);
  position = positionAfter(position, 1, 99);
  expect(readPosition(position)?.clocks).toEqual(
    new Map([
      [37, 37],
      [1, 99],
      [1333, 1333],
      [2, 2],
    ]),
  );
});

test("it stays within 4 KB: who is not named anew is told again, and who is named stays so", () => {
  let position = HEAD;
  for (let id = 1; id < 2_000; id++) position = positionAfter(position, id * 1e6, id);
  expect(position.length).toBeLessThanOrEqual(4_096);
  const named = [...(readPosition(position)?.clocks ?? [])];
  expect(named.length).toBeGreaterThan(150);
  expect(named).toEqual(named.map((_, i) => [(i + 1) * 1e6, i + 1]));
  position = positionAfter(position, 1e6, 5);
  expect(readPosition(position)?.clocks.get(1e6)).toBe(5);
});

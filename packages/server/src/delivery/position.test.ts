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
  const last = Number.MAX_SAFE_INTEGER;
  for (let id = 0; id < 1_000; id++) position = positionAfter(position, last - id, 1);
  // However far the named go on.
  for (let id = 0; id < 1_000; id++) position = positionAfter(position, last - id, last);
  expect(position.length).toBeLessThanOrEqual(4_096);
  expect([...(readPosition(position)?.clocks ?? [])]).toEqual(
    Array.from({ length: 150 }, (_, id) => [last - id, last]),
  );
});

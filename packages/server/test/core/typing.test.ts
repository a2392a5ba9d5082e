import type { TypingSignal } from "@parlance/protocol/events.ts";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createInProcessBus } from "../../src/adapters/bus/in-process-bus.ts";
import { createTyping, type Typing } from "../../src/core/presence/typing.ts";

const TTL_MS = 5_000;

let typing: Typing;
/** What was told of ann in conversation 1, and when. */
let told: [number, boolean][];
/** What was told on this node alone. */
let here: TypingSignal[];

beforeEach(async () => {
  vi.useFakeTimers({ now: 0 });
  told = [];
  here = [];
  const bus = createInProcessBus();
  await bus.subscribe("conversation:1");
  bus.listen({
    news(news) {
      for (const item of news) {
        if (item.kind !== "signal" || item.signal.type !== "typing") continue;
        expect(item).toMatchObject({ except: "ann", signal: { userId: "ann", userName: "Ann" } });
        told.push([Date.now(), item.signal.typing]);
      }
    },
    lost() {},
  });
  typing = createTyping(bus, TTL_MS, Date.now, (signal) => here.push(signal));
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const ann = { id: "ann", name: "Ann" };
const say = (is: boolean, at: number): void => {
  vi.advanceTimersByTime(at - Date.now());
  typing.set(1, ann, is);
};
const end = () => vi.advanceTimersByTime(60_000);

test("on and off by turns are told once a second each, and the last wins", () => {
  for (let at = 0; at < 10_000; at += 10) say((at / 10) % 2 === 0, at);
  const during = told.length;
  expect(during).toBeLessThanOrEqual(20);
  end();
  expect(told.at(-1)?.[1]).toBe(false);
  expect(told.length).toBeLessThanOrEqual(during + 1);
  for (const is of [true, false]) {
    const times = told.filter(([, told]) => told === is).map(([at]) => at);
    for (const [i, at] of times.slice(1).entries())
      expect(at - (times[i] as number)).toBeGreaterThanOrEqual(1_000);
  }
});

test("who stops soon after beginning is told of at once, and who begins again when the second is over", () => {
  say(true, 0);
  say(false, 300);
  say(true, 400);
  end();
  expect(told).toEqual([
    [0, true],
    [300, false],
    [1_000, true],
    [5_400, false],
  ]);
});

test("what was taken back before it was told is not told", () => {
  say(true, 0);
  say(false, 300);
  say(true, 400);
  say(false, 500);
  end();
  expect(told).toEqual([
    [0, true],
    [300, false],
  ]);
});

test("an end that must wait is told when the second is over", () => {
  say(true, 0);
  say(false, 900);
  say(true, 1_000);
  say(false, 1_100);
  end();
  expect(told).toEqual([
    [0, true],
    [900, false],
    [1_000, true],
    [1_900, false],
  ]);
});

test("typing on is told again each second, and ends by itself when nothing more is said", () => {
  for (let at = 0; at <= 2_500; at += 250) say(true, at);
  end();
  expect(told).toEqual([
    [0, true],
    [1_000, true],
    [2_000, true],
    [7_500, false],
  ]);
});

test("who was not typing has nothing to end", () => {
  say(false, 0);
  end();
  expect(told).toEqual([]);
});

test("who types on a node that ends has stopped a while later; who is said to have stopped has", () => {
  const heard = (userId: string, is: boolean): void =>
    typing.heard({ type: "typing", conversationId: 2, userId, userName: userId, typing: is });
  heard("bob", true);
  heard("cyd", true);
  vi.advanceTimersByTime(4_000);
  heard("bob", true);
  heard("cyd", false);
  vi.advanceTimersByTime(6_000);
  expect(here).toEqual([]);
  end();
  expect(here).toEqual([
    { type: "typing", conversationId: 2, userId: "bob", userName: "bob", typing: false },
  ]);
  // One's own come back by the bus as well.
  say(true, 100_000);
  typing.heard({ type: "typing", conversationId: 1, userId: "ann", userName: "Ann", typing: true });
  end();
  expect(here).toHaveLength(1);
});

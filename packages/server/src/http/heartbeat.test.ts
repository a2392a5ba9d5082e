import { expect, onTestFinished, test, vi } from "vitest";
import { startHeartbeat } from "./heartbeat.ts";

test("those who come in one moment are visited once a period, a few at a time", () => {
  vi.useFakeTimers();
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const heartbeat = startHeartbeat(5_000);
  onTestFinished(() => heartbeat.stop());
  const visits = new Array<number>(200).fill(0);
  const connections = visits.map((_, i) => ({
    visit() {
      visits[i] = (visits[i] as number) + 1;
    },
  }));
  for (const connection of connections) heartbeat.add(connection);
  const total = () => visits.reduce((sum, n) => sum + n, 0);
  for (let period = 1; period <= 3; period++) {
    for (let ms = 0; ms < 5_000; ms += 100) {
      const before = total();
      vi.advanceTimersByTime(100);
      expect(total() - before).toBe(4);
    }
    expect(new Set(visits)).toEqual(new Set([period]));
  }
  for (const connection of connections) heartbeat.remove(connection);
  vi.advanceTimersByTime(10_000);
  expect(total()).toBe(600);
  expect(vi.getTimerCount(), "nobody is there to be visited").toBe(0);
  heartbeat.add(connections[0] as (typeof connections)[number]);
  vi.advanceTimersByTime(5_000);
  expect(total()).toBe(601);
});

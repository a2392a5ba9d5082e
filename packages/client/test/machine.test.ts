import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type MachineEvent, next, TRANSITIONS } from "../src/machine.ts";
import type { ConnectionStatus } from "../src/model.ts";

const SPEC = readFileSync(new URL("../SPEC.md", import.meta.url), "utf8");

/** The cells of the tables under a heading, without their heads. */
function tableUnder(heading: string): string[][] {
  const section = SPEC.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("|"));
  return rows.map((row) =>
    row
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim().replaceAll("`", "")),
  );
}

const [head = [], , ...rows] = tableUnder("Transitions");
const EVENTS = head.slice(1) as MachineEvent[];
const STATES = rows.map(([state]) => state) as ConnectionStatus[];

test("SPEC.md explains every state and event of its table, and no other", () => {
  expect(
    tableUnder("States")
      .slice(2)
      .map(([state]) => state),
  ).toEqual(STATES);
  const explained = tableUnder("Events")
    .slice(2)
    .flatMap(([events = ""]) => events.split(", "));
  expect(explained.toSorted()).toEqual(EVENTS.toSorted());
});

test("the code knows the same states and events", () => {
  expect(Object.keys(TRANSITIONS).toSorted()).toEqual(STATES.toSorted());
  const known = new Set(Object.values(TRANSITIONS).flatMap((row) => Object.keys(row)));
  expect([...known].toSorted()).toEqual(EVENTS.toSorted());
});

describe("every cell", () => {
  const cells = rows.flatMap(([state, ...to]) =>
    to.map((cell, i) => [state, EVENTS[i], cell === "·" ? state : cell] as const),
  );
  test.each(cells)("%s, %s: %s", (state, event, expected) => {
    expect(next(state as ConnectionStatus, event as MachineEvent)).toBe(expected);
  });
});

test("from every state all others can be reached, and stop leads to idle", () => {
  for (const start of STATES) {
    expect(next(start, "stop")).toBe("idle");
    const reached = new Set([start]);
    for (const state of reached) for (const event of EVENTS) reached.add(next(state, event));
    expect(reached.size).toBe(STATES.length);
  }
});

import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readOptions } from "../options.ts";
import { naiveWsOne } from "../peers/naive.ts";
import type { Peer } from "../peers/peer.ts";
import type { Context, Sample } from "./sample.ts";
import { alternate, entrantOf } from "./turns.ts";

function contextOf(samples: Sample[]): Context {
  return {
    sizes: { ...readOptions([]).sizes, rounds: 2 },
    cores: 2,
    seed: "t",
    freshDirectory: () => join(tmpdir(), "never-made"),
    discard: () => {},
    add: (sample) => samples.push(sample),
    say: () => {},
  };
}

const broken: Peer = {
  ...naiveWsOne,
  name: "broken",
  start: () => Promise.reject(new Error("it ended\nits last words")),
};

test("every other round goes backwards", async () => {
  const turns: string[] = [];
  const entrant = (name: string) => ({ name, run: async (round: number) => void turns.push(name + round) });
  await alternate(contextOf([]), "W1", [entrant("a"), entrant("b")]);
  expect(turns).toEqual(["a0", "b0", "b1", "a1"]);
});

test("a peer that does not start fails all its cases, and the next has its turn", async () => {
  const samples: Sample[] = [];
  const context = contextOf(samples);
  await entrantOf(context, "W1", broken, ["200x10", "1x1"], async () => {}).run(0);
  expect(samples.map(({ case: name, failure }) => [name, failure])).toEqual([
    ["200x10", "it ended"],
    ["1x1", "it ended"],
  ]);
});

test("a peer that is not installed is not started, and its cases say so", async () => {
  const samples: Sample[] = [];
  const absent: Peer = { ...broken, version: () => undefined };
  await entrantOf(contextOf(samples), "W2", absent, ["20, singles"], async () => {}).run(0);
  expect(samples).toMatchObject([{ case: "20, singles", peer: "broken", absent: true, metrics: {} }]);
  expect(samples[0]!.failure).toBeUndefined();
});

import { expect, test } from "vitest";
import { stagesOf } from "./profile-stages.ts";

/** A profile with one sample of `microseconds` in the innermost of each stack. */
function profileOf(stacks: { frames: [name: string, url: string][]; microseconds: number }[]) {
  const nodes = [{ id: 1, callFrame: { functionName: "(root)", url: "" }, children: [] as number[] }];
  const samples: number[] = [];
  const timeDeltas: number[] = [];
  for (const { frames, microseconds } of stacks) {
    let parent = nodes[0]!;
    for (const [functionName, url] of frames) {
      const node = { id: nodes.length + 1, callFrame: { functionName, url }, children: [] as number[] };
      nodes.push(node);
      parent.children.push(node.id);
      parent = node;
    }
    samples.push(parent.id);
    timeDeltas.push(microseconds);
  }
  return { nodes, samples, timeDeltas };
}

const server = "file:///srv/parlance/packages/server/src";
const read: [string, string] = ["onStreamRead", "node:internal/stream_base_commons"];

test("time goes to the stage whose code asked for it", () => {
  const stages = stagesOf(
    profileOf([
      { frames: [read], microseconds: 1 },
      {
        frames: [read, ["decodeFrame", `${server}/dialects/websocket/codec.ts`], ["parse", ""]],
        microseconds: 2,
      },
      { frames: [["execute", `${server}/core/door.ts`]], microseconds: 3 },
      { frames: [["constructor", `${server}/core/draft.ts`]], microseconds: 30 },
      { frames: [["flush", `${server}/writer/lane.ts`]], microseconds: 4 },
      {
        frames: [
          ["append", `${server}/adapters/store/lines.ts`],
          ["write", "node:internal/streams/writable"],
        ],
        microseconds: 5,
      },
      {
        frames: [read, ["parse", "file:///srv/parlance/node_modules/pg-protocol/dist/parser.js"]],
        microseconds: 6,
      },
      { frames: [["deliver", `${server}/delivery/fan-out.ts`]], microseconds: 7 },
      {
        frames: [
          ["deliver", `${server}/delivery/fan-out.ts`],
          ["received", `${server}/dialects/websocket/codec.ts`],
        ],
        microseconds: 8,
      },
      { frames: [["(garbage collector)", ""]], microseconds: 9 },
      { frames: [["(program)", ""]], microseconds: 10 },
      { frames: [["(idle)", ""]], microseconds: 1000 },
    ]),
  );
  expect(stages).toEqual({
    decode: 2,
    door: 33,
    writer: 4,
    sql: 11,
    bus: 0,
    "fan-out": 7,
    encode: 8,
    socket: 1,
    gc: 9,
    native: 10,
    other: 0,
  });
});

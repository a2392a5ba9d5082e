import { describe, expect, test } from "vitest";
import { mark } from "./drivers/driver.ts";
import { websocketDriver } from "./drivers/websocket.ts";
import { newTruth, StreamCheck } from "./truth.ts";

function frame(number: number, seq: number): Buffer {
  const payload = {
    conversation_id: "c",
    message_id: `b${mark(number)}`,
    content: `${mark(number)} text`,
    seq,
  };
  return Buffer.from(JSON.stringify({ event: "message.receive", payload }));
}

function watch(stream: readonly [number: number, seq: number][]): ReturnType<typeof newTruth> {
  const truth = newTruth();
  const check = new StreamCheck(truth, 64, websocketDriver);
  for (const [number, seq] of stream) check.take(number, frame(number, seq));
  return truth;
}

describe("a stream of messages", () => {
  test("in order is without fault, with ticks of other things between", () => {
    const truth = watch([
      [0, 2],
      [1, 3],
      [2, 7],
    ]);
    expect(truth).toMatchObject({ received: 3, doubled: 0, outOfOrder: 0, seqFaults: 0, errors: [] });
  });

  test("a message that comes twice counts once, as doubled", () => {
    expect(
      watch([
        [0, 1],
        [1, 2],
        [1, 2],
      ]),
    ).toMatchObject({ received: 2, doubled: 1 });
  });

  test("a message that overtakes is out of order", () => {
    expect(
      watch([
        [1, 2],
        [0, 3],
      ]),
    ).toMatchObject({ received: 2, outOfOrder: 1, seqFaults: 0 });
  });

  test("a seq that does not rise is a fault in words", () => {
    const truth = watch([
      [0, 5],
      [1, 5],
    ]);
    expect(truth.seqFaults).toBe(1);
    expect(truth.errors).toEqual(["number 1 has seq 5 after 5"]);
  });
});

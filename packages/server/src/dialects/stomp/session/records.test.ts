import fc from "fast-check";
import { expect, test } from "vitest";
import { frameRecord, framesOf, headersRecord, MAX_TOPIC, messageRecord } from "./records.ts";

type Piece =
  | { readonly kind: "frame"; readonly bytes: Buffer }
  | { readonly kind: "message"; readonly topic: number; readonly bytes: Buffer }
  | { readonly kind: "headers"; readonly text: string };

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const piece: fc.Arbitrary<Piece> = fc.oneof(
  fc.record({ kind: fc.constant("frame" as const), bytes }),
  fc.record({
    kind: fc.constant("message" as const),
    topic: fc.constantFrom(0, 1, 127, 128, MAX_TOPIC),
    bytes,
  }),
  fc.record({ kind: fc.constant("headers" as const), text: fc.string({ unit: "grapheme", maxLength: 200 }) }),
);

function recordOf(piece: Piece): Buffer {
  if (piece.kind === "frame") return frameRecord(piece.bytes);
  return piece.kind === "message"
    ? messageRecord(piece.topic, piece.bytes)
    : Buffer.from(headersRecord(piece.text));
}

/** The topics have one subscription for each of their number's bits. */
const headsOf = (topic: number): Buffer[] =>
  [...topic.toString(2)].flatMap((bit, i) => (bit === "1" ? [Buffer.from(`${i}`)] : []));

test("records may be joined at will; headers are for what follows in their buffer", () => {
  fc.assert(
    fc.property(fc.array(piece), fc.array(fc.boolean()), (pieces, joints) => {
      const buffers: Buffer[] = [];
      pieces.forEach((each, i) => {
        const last = buffers.at(-1);
        if (joints[i] === true && last !== undefined)
          buffers[buffers.length - 1] = Buffer.concat([last, recordOf(each)]);
        else buffers.push(recordOf(each));
      });
      let headers = "";
      const expected = pieces.flatMap((each, i) => {
        if (joints[i] !== true) headers = "";
        if (each.kind === "headers") {
          headers = each.text;
          return [];
        }
        if (each.kind === "frame") return [each.bytes];
        return headsOf(each.topic).map((head) => Buffer.concat([head, Buffer.from(headers), each.bytes]));
      });
      expect(framesOf(buffers, headsOf).map((parts) => Buffer.concat(parts))).toEqual(expected);
    }),
  );
});

test("a message of megabytes", () => {
  const body = Buffer.alloc(3 * 1024 * 1024, "x");
  expect(framesOf([messageRecord(1, body)], headsOf)).toEqual([[Buffer.from("0"), body]]);
});

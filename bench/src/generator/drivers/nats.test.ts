import fc from "fast-check";
import { expect, test } from "vitest";
import { natsDriver } from "./nats.ts";

/** Feeds `bytes` in pieces of the given sizes, then the rest, and gives the parts that were found. */
function takenApart(bytes: Buffer, sizes: readonly number[]): string[] {
  const parts: string[] = [];
  const take = natsDriver.parts!();
  const each = (part: Buffer) => void parts.push(part.toString());
  let at = 0;
  for (const size of sizes) {
    take(bytes.subarray(at, at + size), each);
    at += size;
  }
  take(bytes.subarray(at), each);
  return parts;
}

const message = fc
  .string({ unit: "binary", maxLength: 90 })
  .map((text) => `MSG room 1 ${Buffer.byteLength(text)}\r\n${text}\r\n`);
const line = fc.constantFrom("+OK\r\n", "PING\r\n", "PONG\r\n", 'INFO {"server_id":"x"}\r\n');

test("every part comes whole and once, however the stream is cut, and whatever is said in it", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(message, line), { maxLength: 12 }),
      fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 20 }),
      (parts, sizes) => {
        expect(takenApart(Buffer.from(parts.join("")), sizes)).toEqual(parts);
      },
    ),
  );
});

import type { Message } from "@parlance/protocol/model.ts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { textsOf } from "../../http/frames.ts";
import { codec, newMessageFrame } from "./codec.ts";
import { messageShape } from "./shapes.ts";

const anyText = fc.string({ unit: "binary" });
const anyId = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });

/** As much of a message as the frame shows. */
const message = fc.record<Partial<Message>>({
  id: anyId,
  conversationId: anyId,
  seq: anyId,
  type: fc.constantFrom("text", "image", "file", "location"),
  senderId: anyText,
  senderName: fc.option(anyText),
  content: anyText,
  metadata: fc.option(fc.record({ media_url: fc.oneof(anyText, fc.integer()) })),
  attachments: fc.constant(null),
  createdAt: fc.integer({ min: 0, max: 4_000_000_000_000 }),
}) as fc.Arbitrary<Message>;

test("the frame written by hand says what JSON.stringify says", () => {
  fc.assert(
    fc.property(message, (any) => {
      const expected = `42${JSON.stringify(["new_message", { ...messageShape(any), status: "sent" }])}`;
      expect(textsOf(newMessageFrame(any))).toEqual([expected]);
    }),
  );
});

test("what has no words here leaves no frame", () => {
  const [any] = fc.sample(message, 1) as [Message];
  const system: Message = { ...any, type: "system" };
  const tick = { conversationId: 1, seq: 1, xid: 1 };
  expect(codec.events([{ ...tick, type: "message.stored", message: system }])).toBeNull();
  expect(
    codec.signal({
      type: "presence",
      userId: "ann",
      status: "online",
      lastSeenAt: null,
      name: null,
      deviceType: null,
    }),
  ).toBeNull();
});

test.each([
  [{ deliveredSeq: 5, readSeq: 0 }, ["message_status"]],
  [{ deliveredSeq: 5, readSeq: 3 }, ["message_status"]],
  [{ deliveredSeq: 5, readSeq: 5 }, ["message_status", "messages_read"]],
])("marks %o are told as %o", (marks, names) => {
  const told = codec.signal({
    type: "receipt",
    conversationId: 1,
    marks: { userId: "ann", userName: null, readMessageId: null, readAt: null, ...marks },
    read: marks.readSeq > 0,
  });
  expect(textsOf(told as Buffer).map((text) => JSON.parse(text.slice(2))[0])).toEqual(names);
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { frame, messageFrame } from "./codec.ts";

const time = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const word = fc.string({ unit: "binary" });

test("a message written field by field is the text that JSON.stringify gives", () => {
  const fields = fc.record({
    conversation_id: fc.constantFrom("conv_1c", "conv_1001001h"),
    sender_id: word,
    message_id: word,
    content: word,
    timestamp: time,
    id: fc.constantFrom("msg_1c", "msg_1001001h"),
    sender_name: fc.option(word),
    message_type: fc.constantFrom("text", "image", "file", "location", "system"),
    parent_id: fc.option(fc.constant("msg_2d")),
    metadata: fc.option(fc.dictionary(word, fc.jsonValue())),
    mentions: fc.array(word, { maxLength: 3 }),
    attachments: fc.array(
      fc.record({
        id: fc.uuid(),
        file_name: word,
        content_type: fc.constantFrom("image/png", "application/pdf"),
        size: fc.nat(),
        width: fc.option(fc.nat()),
        height: fc.option(fc.nat()),
        url: word,
        thumbnail_url: fc.option(word),
      }),
      { maxLength: 3 },
    ),
    reactions: fc.dictionary(fc.constantFrom("👍", "❤️"), fc.nat()),
    seq: fc.nat(),
    rev: fc.nat(),
    created_at: time,
    edited_at: fc.option(time),
    deleted_at: fc.option(time),
  });
  const pin = fc.option(fc.record({ pinned_at: time, pinned_by: word }));
  const payloads = fc.tuple(fields, pin).map(([message, pinned]) => ({ ...message, ...pinned }));
  fc.assert(
    fc.property(
      fc.constantFrom("message.receive" as const, "message.updated" as const),
      payloads,
      (event, payload) => {
        expect(messageFrame(event, payload).equals(frame(event, payload))).toBe(true);
      },
    ),
  );
});

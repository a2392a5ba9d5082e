import { describe, expect, test } from "vitest";
import { textsOf } from "../../http/frames.ts";
import { ackFrame, BadPacket, connectErrorFrame, decode, eventFrame } from "./packet.ts";

describe("a client's packet", () => {
  test.each([
    ["0", { type: "connect", namespace: "/", auth: undefined }],
    ['0{"token":"t"}', { type: "connect", namespace: "/", auth: { token: "t" } }],
    ['0/admin,{"token":"t"}', { type: "connect", namespace: "/admin", auth: { token: "t" } }],
    ["0/admin", { type: "connect", namespace: "/admin", auth: undefined }],
    ["1", { type: "disconnect" }],
    ['2["a"]', { type: "event", name: "a", payload: undefined, ack: null }],
    ['2["a",{"b":1}]', { type: "event", name: "a", payload: { b: 1 }, ack: null }],
    ['212["a",3,4]', { type: "event", name: "a", payload: 3, ack: "12" }],
    ['2/,12["a"]', { type: "event", name: "a", payload: undefined, ack: "12" }],
    ["312[]", { type: "ack" }],
  ])("%s", (text, packet) => {
    expect(decode(text)).toEqual(packet);
  });

  test.each([
    "",
    "7",
    "x",
    "2",
    "2{}",
    "2[]",
    "2[null]",
    '2[{"toString":"foo"}]',
    "2[[]]",
    "2[1]",
    '2["a"',
    '2/admin,["a"]',
    '2["a"] ]',
    "4{}",
    '51-["a",{"_placeholder":true,"num":0}]',
    '5999-["a"]',
    `2${"9".repeat(30)}["a"]`,
  ])("%s is bad", (text) => {
    expect(() => decode(text)).toThrow(BadPacket);
  });

  test("says how many attachments follow, and under which number it is answered", () => {
    expect(() => decode('52-7["a",{}]')).toThrow(expect.objectContaining({ attachments: 2, ack: "7" }));
  });

  test("of a thousand levels is read, and of names that objects have anyway", () => {
    const deep = `${'{"a":'.repeat(1_000)}1${"}".repeat(1_000)}`;
    expect(decode(`2["a",${deep}]`)).toMatchObject({ type: "event", name: "a" });
    expect(decode('2["__proto__",{"__proto__":{"x":1}}]')).toMatchObject({ name: "__proto__" });
  });
});

test("ours are Engine.IO messages with Socket.IO packets", () => {
  expect(textsOf(eventFrame("new_message", { content: "é" }))).toEqual(['42["new_message",{"content":"é"}]']);
  expect(textsOf(ackFrame("7", { success: true }))).toEqual(['437[{"success":true}]']);
  expect(textsOf(connectErrorFrame("/x", "no", { code: "invalid" }))).toEqual([
    '44/x,{"message":"no","data":{"code":"invalid"}}',
  ]);
});

test.each([0, 1, 125, 126, 65_535, 65_536, 200_000])("frames of %d bytes are read back", (length) => {
  const frame = eventFrame("x", { x: "y".repeat(length) });
  const text = `42["x",{"x":"${"y".repeat(length)}"}]`;
  expect(textsOf(Buffer.concat([frame, frame]))).toEqual([text, text]);
});

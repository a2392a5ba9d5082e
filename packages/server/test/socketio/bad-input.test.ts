import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { conversationOf, open, say, type TestSocket } from "./client.ts";

let scene: Scene;
let server: ServerProcess;
let ann: TestSocket;
let conversation: string;
/** Stands in what is sent here: the server's output may not hold it. */
const CANARY = "c4n4ry";

beforeAll(async () => {
  scene = await openScene("sio_bad");
  server = await scene.start({
    LOG_LEVEL: "debug",
    MAX_FRAMES_PER_SECOND: "300",
    MAX_FRAME_BYTES: "64KiB",
    HEARTBEAT_SECONDS: "1",
  });
  ann = await open(server, "ann");
  conversation = await conversationOf(server, ["ann", "ben"], "bad");
});
afterAll(async () => {
  ann.close();
  expect(server.output()).not.toContain(CANARY);
  // No fault of ours was logged on the way.
  expect(server.output()).not.toMatch(/"level":(50|60|"error")/);
  await scene.close();
});

interface Raw {
  readonly socket: WebSocket;
  readonly texts: string[];
  readonly closed: Promise<number>;
  /** The first text that matches, once it is there. */
  until(match: RegExp): Promise<void>;
}

/** Socket.IO by hand, to say what no library would. */
async function raw(connects = true): Promise<Raw> {
  const url = server.url.replace("http", "ws");
  const socket = new WebSocket(`${url}/socket.io/?EIO=4&transport=websocket&userId=ben`);
  const texts: string[] = [];
  socket.on("message", (data) => {
    const text = String(data);
    if (text === "2") socket.send("3");
    else texts.push(text);
  });
  const closed = new Promise<number>((resolve) => socket.once("close", resolve));
  await once(socket, "open");
  const until = (match: RegExp) =>
    expect.poll(() => texts.some((text) => match.test(text)), { timeout: 10_000 }).toBe(true);
  if (connects) {
    socket.send("40");
    await until(/^40/);
  }
  return { socket, texts, closed, until };
}

/** Others are served as before, and nothing was stored that was not acknowledged. */
async function expectHealthy(): Promise<void> {
  const { body } = await server.request(`/messages/${conversation}?limit=1`);
  const { seq } = await say(ann, conversation, `${CANARY} still here`);
  expect(seq).toBe((body.data.messages[0]?.seq ?? 1) + 1);
}

const JUNK: readonly unknown[] = [
  undefined,
  null,
  0,
  -1,
  true,
  "",
  "x",
  [],
  [{}],
  {},
  { conversation_id: null },
  { conversation_id: {} },
  { conversation_id: ["x"] },
  { conversation_id: 1.5 },
  { conversation_id: "x".repeat(10_000) },
  { conversation_id: "__proto__", content: "x" },
  { toString: "x", __proto__: { conversation_id: 1 } },
];

describe("junk in place of a payload is refused and answered", () => {
  const events = ["join_conversation", "leave_conversation", "send_message", "typing_start", "mark_as_read"];
  test.each(events)("%s", async (event) => {
    using ben = await open(server, "ben");
    for (const junk of JUNK) {
      const answer = await ben.ask(event, junk);
      expect(answer.success, JSON.stringify(junk)).toBe(false);
      expect(answer.error).toEqual(expect.any(String));
    }
    const name = event === "send_message" ? "message_error" : "error";
    expect(ben.all(name)).toHaveLength(JUNK.length);
    await expectHealthy();
  });

  test("and in place of a message's fields", async () => {
    using ben = await open(server, "ben");
    const good = { conversation_id: conversation, content: `${CANARY} x` };
    for (const bad of [
      { content: undefined },
      { content: null },
      { content: "" },
      { content: " \n" },
      { content: 7 },
      { content: [] },
      { content: { a: 1 } },
      { content: `${CANARY}\0` },
      { content: "\ud800" },
      { content: "x".repeat(10_001) },
      { message_type: "system" },
      { message_type: "TEXT" },
      { message_type: 7 },
      { media_url: {} },
      { media_url: "x".repeat(9_000) },
      { client_id: "" },
      { client_id: "x".repeat(256) },
      { client_id: {} },
      { conversationId: "another" },
    ]) {
      const answer = await ben.ask("send_message", { ...good, ...bad });
      expect(answer, JSON.stringify(bad).slice(0, 80)).toMatchObject({ success: false, code: "invalid" });
    }
    const ownProperties = JSON.parse(
      `{"conversation_id":"${conversation}","content":"kept","__proto__":{"x":1},"constructor":1}`,
    );
    expect((await ben.ask("send_message", ownProperties)).success).toBe(true);
    await expectHealthy();
  });
});

describe("packets that are none", () => {
  test.each([
    ["junk", "4x"],
    ["no event name", "42[]"],
    ["a number as name", "42[1]"],
    ["an object as name", '42[{"toString":"foo"}]'],
    ["a list as name", '42[["a"]]'],
    ["an unknown event", '42["__proto__",{}]'],
    ["a name that every object has", '42["constructor",{}]'],
    ["a reserved name", '42["connect_error"]'],
    ["another namespace", '42/admin,["send_message",{}]'],
    ["a server's packet", '44{"message":"x"}'],
    ["one attachment that never comes", `451-["send_message",{"_placeholder":true,"num":0}]`],
    ["attachments without number", '45-["a"]'],
  ])("%s is answered with error, and after ten the connection goes", async (_, packet) => {
    const ben = await raw();
    ben.socket.send(packet);
    await ben.until(/^42\["error",\{"error":"[^"]+","code":"invalid"\}\]$/);
    ben.socket.send('421["leave_conversation",1]');
    await ben.until(/^431\[\{"success":true/);
    for (let i = 0; i < 10; i++) ben.socket.send(packet);
    expect(await ben.closed).toBe(1008);
    await expectHealthy();
  });

  test("an unknown event that waits for its answer gets one", async () => {
    using ben = await open(server, "ben");
    expect(await ben.ask("no_such_event", {})).toMatchObject({ success: false, code: "invalid" });
  });

  test("binary, with its attachments and without, is refused and the connection stays", async () => {
    using ben = await open(server, "ben");
    const content = Buffer.from("binary");
    const answer = await ben.ask("send_message", { conversation_id: conversation, content });
    expect(answer).toMatchObject({ success: false, error: "Binary attachments are not taken" });
    ben.socket.io.engine.write(Buffer.from("x"));
    await expect.poll(() => ben.all("error").length).toBe(2);
    expect((await ben.ask("join_conversation", conversation)).success).toBe(true);
    await expectHealthy();
  });

  test("before it is connected nothing is taken", async () => {
    for (const packet of ['42["send_message",{}]', "41", "4x", "43[]"]) {
      const ben = await raw(false);
      ben.socket.send(packet);
      expect(await ben.closed, packet).toBe(1008);
    }
    const ben = await raw(false);
    for (let i = 0; i < 10; i++) ben.socket.send(`40/admin${i},{}`);
    expect(await ben.closed).toBe(1008);
    expect(ben.texts.filter((text) => text.startsWith("44/admin"))).toHaveLength(10);
    await expectHealthy();
  });

  test("connecting a second time over one link is refused, the first goes on", async () => {
    const ben = await raw();
    ben.socket.send("40");
    await ben.until(/^44\{/);
    ben.socket.send('427["leave_conversation",1]');
    await ben.until(/^437\[/);
    ben.socket.close();
  });

  test("who opens a link and says nothing is closed", async () => {
    const ben = await raw(false);
    expect(await ben.closed).toBe(1008);
  }, 30_000);
});

test("a frame over the limit closes with 1009; more frames than the limit are told so and closed", async () => {
  const big = await raw();
  big.socket.send(`42["send_message","${"x".repeat(70_000)}"]`);
  expect(await big.closed).toBe(1009);
  const fast = await raw();
  for (let i = 0; i < 10_000; i++) fast.socket.send('42["leave_conversation",1]');
  expect(await fast.closed).toBe(4029);
  expect(fast.texts.at(-1)).toContain('"code":"rate_limited"');
  await expectHealthy();
});

test("who goes in the middle of a send harms nobody; nothing is stored twice", async () => {
  const goers = await Promise.all(Array.from({ length: 10 }, () => raw()));
  const going = await conversationOf(server, ["ann", "ben"], "going");
  for (const [i, goer] of goers.entries()) {
    for (let k = 0; k < 10; k++) {
      goer.socket.send(`421["send_message",{"conversation_id":"${going}","content":"g${i}.${k}"}]`);
    }
    if (i % 2 === 0) goer.socket.terminate();
    else goer.socket.close();
  }
  await Promise.all(goers.map(({ closed }) => closed));
  await say(ann, going, "after them");
  const { body } = await server.request(`/messages/${going}?limit=200`);
  const contents = body.data.messages.map(({ content }: { content: string }) => content);
  expect(new Set(contents).size).toBe(contents.length);
  await expectHealthy();
});

test("a session over polling that nobody polls ends with its heartbeat", async () => {
  const base = `${server.url}/socket.io/?EIO=4&transport=polling`;
  const sid = JSON.parse((await (await fetch(`${base}&userId=ben`)).text()).slice(1)).sid;
  await fetch(`${base}&sid=${sid}`, { method: "POST", body: "40" });
  expect(await (await fetch(`${base}&sid=${sid}`)).text()).toMatch(/^40/);
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const answer = await fetch(`${base}&sid=${sid}`);
  expect(await answer.json()).toMatchObject({ message: "Session ID unknown" });
  await expectHealthy();
});

describe("requests that Engine.IO cannot take are answered by it", () => {
  const cases: readonly [string, string, RequestInit, number][] = [
    ["an old protocol", "?EIO=3&transport=polling", {}, 400],
    ["no protocol", "?transport=polling", {}, 400],
    ["an unknown transport", "?EIO=4&transport=foo", {}, 400],
    ["no transport", "?EIO=4", {}, 400],
    ["a guessed session", "?EIO=4&transport=polling&sid=aaaa", {}, 400],
    ["a session named like a property", "?EIO=4&transport=polling&sid=__proto__", {}, 400],
    ["a handshake by POST", "?EIO=4&transport=polling", { method: "POST", body: "40" }, 400],
    ["a script's handshake", "?EIO=4&transport=polling&j=0", {}, 403],
    ["websocket without upgrade", "?EIO=4&transport=websocket", {}, 400],
    ["another method", "?EIO=4&transport=polling", { method: "DELETE" }, 405],
  ];
  test.each(cases)("%s", async (_, query, init, status) => {
    const response = await fetch(`${server.url}/socket.io/${query}`, init);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({});
  });

  test("a post over the limit, two polls at once, and binary junk end the session", async () => {
    const base = `${server.url}/socket.io/?EIO=4&transport=polling`;
    const session = async (): Promise<string> =>
      `${base}&sid=${JSON.parse((await (await fetch(`${base}&userId=ben`)).text()).slice(1)).sid}`;
    const large = await session();
    expect((await fetch(large, { method: "POST", body: "4".repeat(70_000) })).status).toBe(413);
    const twice = await session();
    const polls = await Promise.all(
      [fetch(twice), fetch(twice)].map((poll) => poll.then(({ status }) => status)),
    );
    expect(polls).toContain(400);
    const binary = await session();
    await fetch(binary, { method: "POST", body: "b!!!!" });
    expect((await fetch(binary)).status).toBe(400);
    await expectHealthy();
  });
});

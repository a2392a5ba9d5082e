import { once } from "node:events";
import { createConnection } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BINARY, openRaw, PING, type RawFrame, type RawSocket, TEXT } from "../support/raw-socket.ts";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { connect, openConversation, say, type TestClient } from "../support/socket.ts";

let scene: Scene;
let server: ServerProcess;
let ann: TestClient;
let conversation: string;
/** Stands in everything that is sent here: neither the server's output nor PostgreSQL's log may hold it. */
const CANARY = "c4n4ry";

beforeAll(async () => {
  scene = await openScene("ws_bad");
  server = await scene.start({
    LOG_LEVEL: "debug",
    SWEEP_SECONDS: "1",
    MAX_FRAMES_PER_SECOND: "200",
    MAX_CONNECTIONS_PER_USER: "5",
    MAX_FRAME_BYTES: "64KiB",
  });
  ann = await connect(server, { user: "ann" });
  conversation = await openConversation(ann, ["bob"], "Bad");
});
afterAll(() => scene.close());

const PING_FRAME: RawFrame = { opcode: TEXT, payload: '{"event":"ping"}' };

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`never: ${what}`);
}

/** The server answers others as before and holds nothing that was not acknowledged. */
async function expectHealthy(): Promise<void> {
  expect((await ann.ask("ping")).event).toBe("pong");
  const before = (await server.request(`/api/v1/chat/${conversation}?limit=1`)).body.messages[0]?.seq ?? 1;
  const { seq } = await say(ann, conversation, `${CANARY} still here`);
  expect(seq).toBe(before + 1);
  expect((await server.request("/ready")).status).toBe(200);
}

/** One's own presence is told when it is. */
const isAnswer = ({ event }: { readonly event: string }): boolean => event !== "presence.changed";

describe("broken frames", () => {
  const cases: readonly [string, RawFrame[], number][] = [
    ["an unmasked frame", [{ ...PING_FRAME, masked: false }], 1002],
    ["the first reserved bit", [{ ...PING_FRAME, reserved: 4 }], 1002],
    ["the other reserved bits", [{ ...PING_FRAME, reserved: 3 }], 1002],
    ["a reserved opcode", [{ opcode: 3, payload: "x" }], 1002],
    ["a reserved control opcode", [{ opcode: 11 }], 1002],
    ["a fragmented ping", [{ opcode: PING, fin: false }], 1002],
    ["a ping of 126 bytes", [{ opcode: PING, payload: "x".repeat(126) }], 1002],
    ["a continuation of nothing", [{ opcode: 0, payload: "x" }], 1002],
    ["a new message inside another", [{ opcode: TEXT, fin: false, payload: "a" }, PING_FRAME], 1002],
    ["bad UTF-8", [{ opcode: TEXT, payload: Buffer.from([0x22, 0xc3, 0x28, 0x22]) }], 1007],
    ["a close code of nobody", [{ opcode: 8, payload: Buffer.from([0x13, 0x88]) }], 1002],
    ["a close code that may not be sent", [{ opcode: 8, payload: Buffer.from([0x03, 0xed]) }], 1002],
    ["a declared length of 2^62", [{ opcode: TEXT, length: 1n << 62n }], 1009],
    ["a declared length of 2^63", [{ opcode: TEXT, length: 1n << 63n }], 1009],
    ["one byte too many", [{ opcode: TEXT, payload: " ".repeat(65_537) }], 1009],
    [
      "too much in fragments",
      [
        { opcode: TEXT, fin: false, payload: " ".repeat(40_000) },
        { opcode: 0, payload: " ".repeat(40_000) },
      ],
      1009,
    ],
  ];
  test.each(cases)("%s", async (_, frames, code) => {
    const raw = await openRaw(server.url, "raw");
    raw.write(...frames);
    expect(await raw.closed).toBe(code);
    await expectHealthy();
  });

  test("fragments with a ping between them are one message; the largest frame is taken", async () => {
    const raw = await openRaw(server.url, "raw");
    raw.write(
      { opcode: TEXT, fin: false, payload: '{"event":' },
      { opcode: PING },
      { opcode: 0, payload: '"ping"}' },
    );
    raw.write({ opcode: TEXT, payload: '{"event":"ping","id":2}'.padEnd(65_536) });
    await until(() => raw.texts.filter((text) => text.includes("pong")).length === 2, "both pongs");
    raw.socket.destroy();
  });

  test("a million empty fragments end the connection", async () => {
    const raw = await openRaw(server.url, "raw");
    raw.write({ opcode: TEXT, fin: false });
    const empty = Buffer.concat(Array.from({ length: 20_000 }, () => Buffer.from([0x00, 0x80, 1, 2, 3, 4])));
    for (let i = 0; i < 50 && !raw.socket.destroyed; i++) raw.socket.write(empty);
    expect([1008, 1009, null]).toContain(await raw.closed);
    await expectHealthy();
  });

  test("a connection that stops in the middle of a frame or of its handshake harms nobody", async () => {
    const raws = await Promise.all(Array.from({ length: 5 }, (_, i) => openRaw(server.url, `half${i}`)));
    for (const raw of raws) raw.socket.write(Buffer.from([0x81, 0xfe, 0x10]));
    await expectHealthy();
    for (const raw of raws) raw.socket.resetAndDestroy();
    await expectHealthy();
  });
});

describe("handshakes", () => {
  const good = {
    upgrade: "websocket",
    connection: "Upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  };
  const cases: readonly [string, string, Record<string, string | undefined>, number][] = [
    ["as it should be", "GET /ws?user_id=h", {}, 101],
    ["another version", "GET /ws?user_id=h", { "sec-websocket-version": "7" }, 400],
    ["no version", "GET /ws?user_id=h", { "sec-websocket-version": undefined }, 400],
    ["no key", "GET /ws?user_id=h", { "sec-websocket-key": undefined }, 400],
    ["a bad key", "GET /ws?user_id=h", { "sec-websocket-key": "short" }, 400],
    ["another method", "POST /ws?user_id=h", {}, 400],
    ["another protocol", "GET /ws?user_id=h", { upgrade: "foo" }, 400],
    ["a path of nobody", "GET /nowhere", {}, 404],
    ["a path of something else", "GET /health", {}, 404],
    ["a list of protocols that is none", "GET /ws?user_id=h", { "sec-websocket-protocol": ",,;" }, 400],
    [
      "a protocol of 12 KB of spaces",
      "GET /ws?user_id=h",
      { "sec-websocket-protocol": `a${" ".repeat(12_000)}b` },
      400,
    ],
  ];
  test.each(cases)("%s", async (_, request, headers, status) => {
    const { hostname, port, host } = new URL(server.url);
    const socket = createConnection(Number(port), hostname);
    const lines = Object.entries({ ...good, ...headers }).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}: ${value}`],
    );
    socket.write(`${[`${request} HTTP/1.1`, `host: ${host}`, ...lines].join("\r\n")}\r\n\r\n`);
    const start = performance.now();
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(Number(answer.toString("latin1").split(" ")[1])).toBe(status);
    expect(performance.now() - start).toBeLessThan(1_000);
    if (status !== 101) await once(socket.resume(), "close");
    socket.destroy();
  });
});

describe("frames of the wrong shape", () => {
  const BAD = [
    "",
    " ",
    "nonsense",
    "{",
    "null",
    "true",
    "1",
    '"ping"',
    "[]",
    '[{"event":"ping"}]',
    "{}",
    '{"event":null}',
    '{"event":{}}',
    '{"event":["ping"]}',
    '{"event":"__proto__"}',
    '{"event":"constructor"}',
    '{"event":"toString"}',
    '{"event":"hasOwnProperty","payload":{}}',
    '{"event":"PING"}',
    '{"event":"ping\\u0000"}',
    '{"event":"message.receive","payload":{}}',
    '{"event":"ping","payload":null}',
    '{"event":"ping","payload":[]}',
    '{"event":"ping","payload":"x"}',
    '{"event":"ping","id":{}}',
    '{"event":"message.send"}',
    "[".repeat(60_000),
    `${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`,
    `{"event":"message.send","payload":${"[".repeat(30_000)}${"]".repeat(30_000)}}`,
  ];

  test("each is answered with an error, and the connection lives while a good one comes between", async () => {
    const client = await connect(server, { user: "shape" });
    for (const bad of BAD) {
      const from = client.frames.length;
      client.socket.send(bad);
      const answer = await client.until(isAnswer, "error", from);
      expect(answer, bad.slice(0, 60)).toMatchObject({ event: "error", payload: { code: "invalid" } });
      expect(answer.payload.message.length).toBeLessThan(300);
      expect((await client.ask("ping")).event).toBe("pong");
    }
    await client.close();
    await expectHealthy();
  });

  test("a value out of a few is answered with those", async () => {
    const send = { conversation_id: conversation, content: "x", message_type: "system" };
    expect((await ann.ask("message.send", send)).payload.message).toBe(
      "payload.message_type must be one of text, image, file, location",
    );
    expect((await ann.ask("presence", { status: "busy" })).payload.message).toBe(
      "payload.status must be one of online, away, dnd, offline",
    );
  });

  test("binary frames are answered; ten bad ones in a row close with 1008, refusals do not count", async () => {
    const client = await connect(server, { user: "ten" });
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 9; i++) client.socket.send(i % 2 ? "nonsense" : Buffer.from("{}"));
      await client.ask("ping");
    }
    for (let i = 0; i < 12; i++)
      await client.ask("message.send", { conversation_id: conversation, content: "x" });
    expect(client.all("error")).toHaveLength(30);
    const from = client.frames.length;
    for (let i = 0; i < 12; i++) client.socket.send(i % 2 ? Buffer.from("{}") : "nonsense");
    expect((await client.closed).code).toBe(1008);
    expect(client.frames.length - from).toBe(10);
  });

  test("every field of every event with every wrong type", async () => {
    const { id } = await say(ann, conversation, `${CANARY} target`, { message_id: "target" });
    const good = {
      "message.send": {
        conversation_id: conversation,
        sender_id: "shape2",
        message_id: "x",
        content: CANARY,
        timestamp: 1,
        message_type: "text",
        parent_id: id,
        metadata: {},
      },
      "message.edit": { conversation_id: conversation, message_id: id, content: CANARY },
      "message.delete": { conversation_id: conversation, message_id: id },
      "reaction.add": { conversation_id: conversation, message_id: id, emoji: "👍" },
      read: { conversation_id: conversation, message_id: id },
      typing: { conversation_id: conversation, typing: true },
      presence: { status: "online" },
      "conversation.open": { participants: ["shape2"], name: CANARY },
      auth: { token: CANARY },
    } as const;
    const wrong = [
      null,
      true,
      0,
      -1,
      1.5,
      1e300,
      "",
      "\u0000",
      "\ud800",
      CANARY.repeat(100),
      [],
      [1],
      {},
      { a: 1 },
    ];
    let refused = 0;
    for (const [event, payload] of Object.entries(good)) {
      const client = await connect(server, { user: "shape2" });
      for (const field of Object.keys(payload)) {
        for (const value of wrong) {
          const answer = await client.ask(event, { ...payload, [field]: value });
          await client.ask("ping");
          if (answer.event === "error") {
            refused++;
            expect(
              ["invalid", "not_participant", "forbidden", "unauthenticated"],
              JSON.stringify([event, field, value]),
            ).toContain(answer.payload.code);
          }
        }
        // The limit of frames per second counts here too.
        await new Promise((resolve) => setTimeout(resolve, 120));
      }
      await client.close();
    }
    expect(refused).toBeGreaterThan(250);
    const page = await server.request(`/api/v1/chat/${conversation}`);
    expect(page.body.messages[0]).toMatchObject({ id, content: `${CANARY} target`, reactions: {} });
    await expectHealthy();
  }, 60_000);
});

describe("content", () => {
  const send = (more: object) => ann.ask("message.send", { conversation_id: conversation, ...more });

  test("10,000 code points are taken, whatever their size; one more is not", async () => {
    const bob = await connect(server, { user: "bob" });
    for (const unit of ["a", "😀", "é", "👩‍👩‍👧‍👦"]) {
      const points = [...unit].length;
      const exact = unit
        .repeat(Math.floor(10_000 / points))
        .padEnd(unit.length * Math.floor(10_000 / points) + (10_000 % points), "x");
      expect([...exact].length).toBe(10_000);
      const sent = await send({ content: exact });
      expect(sent.event, unit).toBe("message.ack");
      expect(
        (await bob.until((frame) => frame.payload.id === sent.payload.id, "message")).payload.content,
      ).toBe(exact);
      expect((await send({ content: `${exact}x` })).payload.code, unit).toBe("invalid");
    }
    await bob.close();
  });

  test("nothing, spaces, NUL, halves of characters", async () => {
    for (const content of [
      "",
      " ",
      "\n\t\r\u00a0\u3000\u2028",
      "\ufeff",
      "a\u0000b",
      "\ud800",
      "\udc00x",
      "\ud83d",
      "😀".slice(1),
    ]) {
      expect((await send({ content })).payload.code, JSON.stringify(content)).toBe("invalid");
    }
    ann.socket.send(
      `{"event":"message.send","id":"esc","payload":{"conversation_id":"${conversation}","content":"\\ud800"}}`,
    );
    expect((await ann.until((frame) => frame.id === "esc", "answer")).payload.code).toBe("invalid");
    await expectHealthy();
  });

  test("metadata: an object of at most 8 KiB and five levels", async () => {
    const nested = (depth: number): object => (depth === 1 ? {} : { a: nested(depth - 1) });
    for (const metadata of [
      {},
      nested(5),
      { a: "x".repeat(8 * 1024 - 8) },
      { "😀": [1, null, true] },
      { a: 1e300, b: 1.5 },
    ]) {
      expect((await send({ content: "x", metadata })).event).toBe("message.ack");
    }
    for (const metadata of [
      nested(6),
      { a: "x".repeat(8 * 1024 - 7) },
      { a: "\u0000" },
      { "\u0000": 1 },
      { a: "\ud800" },
      { a: [[[[[]]]]] },
      Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`k${i}`, i])),
    ]) {
      expect(
        (await send({ content: "x", metadata })).payload.code,
        JSON.stringify(metadata).slice(0, 60),
      ).toBe("invalid");
    }
    // Whatever is made of such a key, it is no prototype of anything.
    ann.socket.send(
      `{"event":"message.send","id":"proto","payload":{"conversation_id":"${conversation}","content":"x","metadata":{"__proto__":{"polluted":1}}}}`,
    );
    const answer = await ann.until((frame) => frame.id === "proto", "answer");
    if (answer.event === "message.ack") {
      const raw = await fetch(`${server.url}/api/v1/chat/${conversation}?limit=1`);
      expect(await raw.text()).toContain('"metadata":{"__proto__":{"polluted":1}}');
    } else expect(answer.payload.code).toBe("invalid");
    expect((await server.request("/health")).body.polluted).toBeUndefined();
    await expectHealthy();
  });

  test("emoji: one, whole", async () => {
    const { id } = await say(ann, conversation, "react to me");
    const react = async (emoji: string) =>
      (await ann.ask("reaction.add", { conversation_id: conversation, message_id: id, emoji })).event;
    for (const emoji of ["👍", "❤", "👩‍👩‍👧‍👦", "🇩🇪", "1️⃣"]) expect(await react(emoji), emoji).toBe("ok");
    for (const emoji of ["", "a", "👍👍", "1", " 👍", ":nonsense:", "\u0000", "\ud83d"])
      expect(await react(emoji), emoji).toBe("error");
  });

  test("clients' times order nothing", async () => {
    for (const timestamp of [0, 253402300799999, 1, 8.64e15, Number.MAX_SAFE_INTEGER]) {
      const sent = await send({ content: "when", timestamp });
      expect(sent.event, String(timestamp)).toBe("message.ack");
      const page = await server.request(`/api/v1/chat/${conversation}?limit=1`);
      expect(page.body.messages[0]).toMatchObject({ id: sent.payload.id, timestamp });
    }
    for (const timestamp of [-1, 1.5, 2 ** 53, "1713087600000", null]) {
      expect((await send({ content: "when", timestamp })).payload.code).toBe("invalid");
    }
    expect((await server.request("/api/v1/chats/ann")).body.chats[0].conversation_id).toBe(conversation);
  });
});

describe("too much", () => {
  test("frames faster than the limit close with 4029", async () => {
    const client = await connect(server, { user: "fast" });
    for (let i = 0; i < 450; i++) client.send("ping");
    expect((await client.closed).code).toBe(4029);
    await expectHealthy();
  });

  test("frames before ready are kept and answered after it", async () => {
    const raw: RawSocket = await openRaw(server.url, "early");
    raw.write(
      PING_FRAME,
      { opcode: BINARY, payload: "x" },
      { opcode: TEXT, payload: "nonsense" },
      PING_FRAME,
    );
    const frames = () => raw.texts.map((text) => JSON.parse(text)).filter(isAnswer);
    await until(() => frames().length === 5, "all answers");
    expect(frames().map(({ event }) => event)).toEqual(["ready", "pong", "error", "error", "pong"]);
    raw.socket.destroy();
  });

  test("more connections than one user may have: the new ones are closed with 4009, at once too", async () => {
    const clients = await Promise.all(
      Array.from({ length: 12 }, () => connect(server, { user: "crowd", early: true })),
    );
    const codes: number[] = [];
    for (const client of clients) void client.closed.then(({ code }) => codes.push(code));
    await until(() => codes.length === 7, "seven refused");
    expect(codes).toEqual(Array(7).fill(4009));
    const open = clients.filter((client) => client.socket.readyState === client.socket.OPEN);
    for (const client of open) expect((await client.ask("ping")).event).toBe("pong");
    await open[0]?.close();
    await until(() => open[0]?.socket.readyState === 3, "one gone");
    await new Promise((resolve) => setTimeout(resolve, 50));
    const next = await connect(server, { user: "crowd" });
    await Promise.all([...open.slice(1), next].map((client) => client.close()));
  });
});

test("nothing that was said stands in the server's output", async () => {
  expect(server.output()).not.toContain(CANARY);
  expect(server.output()).not.toMatch(/\bat .*\.ts:\d+/);
});

import { SignJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { conversationOf, openLive, tokenOf } from "./support/live-client.ts";
import { openRaw } from "./support/raw-client.ts";

/** Who one is, for how long, and how a connection ends. */

const SECRET = "a-secret-of-quite-enough-characters-0123";
let scene: Scene;
let open: ServerProcess;
let jwt: ServerProcess;
beforeAll(async () => {
  scene = await openScene("stomp_identity");
  open = await scene.start();
  jwt = await scene.start({ JWT_SECRET: SECRET, RATE_LIMIT_MESSAGES: "3" });
});
afterAll(() => scene.close());

const sign = (sub: string, seconds: number): Promise<string> =>
  new SignJWT({ sub })
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime(Math.floor(Date.now() / 1_000) + seconds)
    .sign(new TextEncoder().encode(SECRET));

async function connecting(url: string, path: string, headers: string) {
  const raw = await openRaw(url, path);
  raw.send(`CONNECT\naccept-version:1.2\n${headers}\n\0`);
  return raw;
}

test("a token may stand in CONNECT or in the URL, and without one nobody connects", async () => {
  const token = await tokenOf(open, "7");
  for (const [path, headers] of [
    ["/ws-raw", `Authorization:Bearer ${token}\n`],
    ["/ws-raw", `token:${token}\n`],
    [`/ws/chat/websocket?token=${token}`, ""],
    [`/ws-raw?access_token=${token}`, `Authorization:Bearer ${token}\n`],
  ] as const) {
    const raw = await connecting(open.url, path, headers);
    expect((await raw.until("CONNECTED")).headers.get("user-name")).toBe("7");
    raw.socket.terminate();
  }
  const other = await tokenOf(open, "8");
  for (const [path, headers] of [
    ["/ws-raw", ""],
    ["/ws-raw?user_id=7", ""],
    ["/ws-raw", "Authorization:Bearer nonsense\n"],
    ["/ws-raw", `Authorization:${token}\n`],
    ["/ws-raw?token=nonsense", `token:${token}\n`],
    [`/ws-raw?token=${other}`, `token:${token}\n`],
    [`/ws-raw?user_id=8`, `token:${token}\n`],
  ] as const) {
    const raw = await connecting(open.url, path, headers);
    const { headers: error } = await raw.until("ERROR");
    expect(error.get("message")).toBeTruthy();
    expect([4001, 1008]).toContain((await raw.closed).code);
  }
});

test("nothing is done for who has not connected, and none connects twice", async () => {
  const token = await tokenOf(open, "7");
  for (const frame of [
    "SUBSCRIBE\nid:1\ndestination:/user/queue/chat/messages\n\n\0",
    'SEND\ndestination:/app/chat.send\n\n{"conversationId":1,"content":"x"}\0',
  ]) {
    const raw = await openRaw(open.url);
    raw.send(frame);
    await raw.until("ERROR");
    expect((await raw.closed).code).toBe(1002);
  }
  const raw = await connecting(open.url, "/ws-raw", `token:${token}\n`);
  await raw.until("CONNECTED");
  raw.send(`CONNECT\naccept-version:1.2\ntoken:${token}\n\n\0`);
  await raw.until("ERROR");
});

test("a token's end is the connection's", async () => {
  using ann = await openLive(jwt, "ann", { token: await sign("ann", 2) });
  const error = await ann.raw.until("ERROR");
  expect(error.headers.get("message")).toBe("the token has expired");
  expect((await ann.raw.closed).code).toBe(4001);
});

test("who sends too much is told so, and when to try again", async () => {
  const token = await sign("ann", 600);
  const response = await jwt.request("/api/v1/chats", {
    headers: { authorization: `Bearer ${token}` },
    body: { participants: ["ann", "bob"] },
  });
  expect(response.status).toBe(201);
  using ann = await openLive(jwt, "ann", { token });
  for (const topic of ["errors", "messages", "acks"]) await ann.subscribe(topic);
  for (let i = 0; i < 3; i++) {
    ann.send("send", { conversationId: response.body.conversation_id, content: `n${i}`, tempId: `t${i}` });
  }
  const error = await ann.error();
  expect(error).toMatchObject({ code: "RATE_LIMITED", tempId: "t2" });
  expect(error.retryAfter).toBeGreaterThan(0);
  await ann.until("acks", ({ body }) => body.tempId === "t1");
  await ann.until("messages", ({ body }) => body.content === "n1" && body.tempId === "t1");
});

test("per-user destinations are one's own: nothing else can be subscribed to", async () => {
  await conversationOf(open, ["eve", "ann"]);
  using eve = await openLive(open, "eve");
  await eve.subscribe("errors");
  const destinations = [
    "/user/ann/queue/chat/messages",
    "/user/queue/chat/messages/",
    "/USER/queue/chat/messages",
    "/user/queue/chat/../chat/messages",
    "/user/queue/chat/*",
    "/topic/chat",
    "/queue/chat/messages-userann",
    "",
  ];
  for (const [i, destination] of destinations.entries()) {
    eve.raw.send(`SUBSCRIBE\nid:s${i}\ndestination:${destination}\nreceipt:r\n\n\0`);
    expect(await eve.error(i)).toMatchObject({ code: "NOT_FOUND", receipt: "r" });
  }
  // Of a header that comes twice the first counts.
  eve.raw.send("SUBSCRIBE\nid:x\ndestination:/user/ann/queue\ndestination:/user/queue/chat/messages\n\n\0");
  expect(await eve.error(destinations.length)).toMatchObject({ code: "NOT_FOUND" });
});

test("a server that stops says so; what was sent before is stored and acknowledged", async () => {
  const server = await scene.start();
  const conversation = await conversationOf(server, ["ann", "bob"]);
  using ann = await openLive(server, "ann");
  await ann.subscribe("messages");
  await ann.ask("send", { conversationId: conversation, content: "last" });
  const since = (await ann.until("messages")).position as string;
  const ended = server.stop();
  expect((await ann.raw.until("ERROR")).headers.get("message")).toMatch(/restart/);
  expect((await ann.raw.closed).code).toBe(1012);
  expect((await ended).code).toBe(0);
  // Come back, to any node.
  using bob = await openLive(open, "bob");
  await bob.ask("send", { conversationId: conversation, content: "meanwhile" });
  using back = await openLive(open, "ann");
  await back.subscribe("messages", { since });
  expect(back.told("messages").map(({ body }) => body.content)).toEqual(["meanwhile"]);
});

test("who does not read is let go, and goes on from where they were", async () => {
  const server = await scene.start({ MAX_SEND_QUEUE_BYTES: "1MiB" });
  const conversation = await conversationOf(server, ["fast", "slow"]);
  using slow = await openLive(server, "slow");
  await slow.subscribe("messages");
  using fast = await openLive(server, "fast");
  await fast.ask("send", { conversationId: conversation, content: "first" });
  const since = (await slow.until("messages")).position as string;
  slow.raw.socket.pause();
  const text = "x".repeat(9_990);
  const COUNT = 1_500;
  for (let i = 0; i < COUNT; i++) {
    fast.send("send", { conversationId: conversation, content: `${i} ${text}` });
    if (i % 100 === 99) await fast.ask("heartbeat", undefined);
  }
  await fast.ask("send", { conversationId: conversation, content: "end" });
  slow.raw.socket.resume();
  expect((await slow.raw.closed).code).toBe(4008);
  using back = await openLive(server, "slow");
  await back.subscribe("messages", { since });
  const numbers = back.told("messages").map(({ body }) => body.content.split(" ")[0]);
  expect(numbers).toEqual([...Array.from({ length: COUNT }, (_, i) => String(i)), "end"]);
});

import { once } from "node:events";
import { connect as connectTo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { listen, openChat, post } from "./stream-client.ts";

let scene: Scene;
let server: ServerProcess;
let chat: number;

beforeAll(async () => {
  scene = await openScene("sse_bad");
  server = await scene.start({ SWEEP_SECONDS: "1", HEARTBEAT_SECONDS: "1", MAX_SEND_QUEUE_BYTES: "1MiB" });
  chat = await openChat(server, ["ann", "bob"], "Bad");
});
afterAll(() => scene.close());

/** All that comes back for these bytes until the server closes, or the time is over. */
async function exchange(bytes: string, ms = 1_000): Promise<string> {
  const { hostname, port } = new URL(server.url);
  const socket = connectTo(Number(port), hostname);
  let answer = "";
  socket.on("data", (chunk) => {
    answer += chunk;
  });
  socket.on("error", () => {});
  socket.write(bytes);
  await Promise.race([once(socket, "close"), new Promise((resolve) => setTimeout(resolve, ms))]);
  socket.destroy();
  return answer;
}

describe("requests", () => {
  const headers = { "x-user-id": "ann", "idempotency-key": "k" };
  const cases: readonly [string, string, object, number][] = [
    ["no key", `/chats/CHAT/messages`, { headers: { "x-user-id": "ann" }, body: { text: "x" } }, 400],
    [
      "an empty key",
      `/chats/CHAT/messages`,
      { headers: { ...headers, "idempotency-key": "" }, body: { text: "x" } },
      400,
    ],
    [
      "a key of 256 characters",
      `/chats/CHAT/messages`,
      { headers: { ...headers, "idempotency-key": "k".repeat(256) }, body: { text: "x" } },
      400,
    ],
    ["no text", `/chats/CHAT/messages`, { headers, body: {} }, 400],
    ["a text of a number", `/chats/CHAT/messages`, { headers, body: { text: 1 } }, 400],
    ["an empty text", `/chats/CHAT/messages`, { headers, body: { text: "" } }, 400],
    ["a text of blanks", `/chats/CHAT/messages`, { headers, body: { text: " \n " } }, 400],
    ["a text with NUL", `/chats/CHAT/messages`, { headers, body: { text: "a\0b" } }, 400],
    ["half a character", `/chats/CHAT/messages`, { headers, body: '{"text":"\\ud800"}' }, 400],
    ["too long a text", `/chats/CHAT/messages`, { headers, body: { text: "x".repeat(10_001) } }, 400],
    ["a list", `/chats/CHAT/messages`, { headers, body: [] }, 400],
    ["null", `/chats/CHAT/messages`, { headers, body: "null" }, 400],
    ["broken JSON", `/chats/CHAT/messages`, { headers, body: "{" }, 400],
    ["no body", `/chats/CHAT/messages`, { headers, method: "POST" }, 400],
    [
      "another media type",
      `/chats/CHAT/messages`,
      { headers: { ...headers, "content-type": "text/plain" }, body: '{"text":"x"}' },
      415,
    ],
    ["too large a body", `/chats/CHAT/messages`, { headers, body: { text: "x".repeat(2_000_000) } }, 413],
    ["an id of zero", "/chats/0/messages", { headers }, 400],
    ["an id that is none", "/chats/x/messages", { headers }, 400],
    ["an id beyond all", "/chats/99999999999999999999/messages", { headers }, 400],
    ["another's UUID", "/chats/459cfe7e-5952-43a0-a0ff-b2d8f1f4cfad/messages", { headers }, 404],
    ["an id of nothing", "/chats/123456789/messages", { headers, body: { text: "x" } }, 404],
    ["a path of nothing", "/chats/1/2/3", { headers }, 404],
    ["another method", "/chats", { headers, method: "DELETE" }, 405],
  ];
  test.each(cases)("%s", async (_, path, options, status) => {
    const answer = await server.request(path.replace("CHAT", String(chat)), options);
    expect([answer.status, answer.body]).toEqual([status, { error: expect.any(String) }]);
  });

  test("nothing of all that was stored", async () => {
    expect(
      (await server.request(`/chats/${chat}/messages`, { headers: { "x-user-id": "ann" } })).body,
    ).toEqual([]);
  });
});

/** Of 10 KB each: more than the kernel and the server's own queue hold for a connection. */
const MANY = 1_200;

describe("the stream", () => {
  const get = (more = "", path = "/events?stream=messages&user_id=bob") =>
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;

  test("takes no body, no second opinion on who listens, no host of elsewhere", async () => {
    const closing = "Connection: close\r\n";
    expect(await exchange(`${get(`${closing}Content-Length: 3\r\n`)}abc`)).toMatch(/^HTTP\/1\.1 400 /);
    expect(await exchange(`${get(`${closing}Transfer-Encoding: chunked\r\n`)}0\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 400 /,
    );
    expect(await exchange(get(`${closing}X-User-Id: ann\r\n`))).toMatch(/^HTTP\/1\.1 403 /);
    expect(await exchange(get(closing).replace("localhost", "elsewhere.example"))).toMatch(
      /^HTTP\/1\.1 403 /,
    );
    expect(await exchange(get(`${closing}Origin: https://elsewhere.example\r\n`))).toMatch(
      /^HTTP\/1\.1 403 /,
    );
    expect(await exchange(get(closing, `/events?stream=messages&user_id=${"x".repeat(129)}`))).toMatch(
      /^HTTP\/1\.1 400 /,
    );
    expect(await exchange(get(`Last-Event-ID: ${"9".repeat(20_000)}\r\n`))).toMatch(/^HTTP\/1\.1 431 /);
  });

  test("waits for its turn on a connection, and has it to itself then", async () => {
    const answer = await exchange(`${get("", "/chats?user_id=bob")}${get()}${get("", "/chats?user_id=bob")}`);
    const [first = "", second = "", ...more] = answer.split(/(?=HTTP\/1\.1 )/);
    expect(first).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\n\[\{"id":\d+,"name":"Bad"\}\]$/);
    expect(second).toMatch(/^HTTP\/1\.1 200 [\s\S]*text\/event-stream[\s\S]*\r\n\r\nretry: /);
    expect(more).toEqual([]);
  });

  test("by HTTP 1.0, and with junk behind the request", async () => {
    expect(
      await exchange("GET /events?stream=messages&user_id=bob HTTP/1.0\r\nHost: localhost\r\n\r\n"),
    ).toMatch(/retry: /);
    expect(await exchange(`${get()}\0\0 junk \r\n\r\n`)).toMatch(/^HTTP\/1\.1 (200|400) /);
    expect((await server.request("/ready")).status).toBe(200);
  });

  test("half-open and abandoned connections are let go", async () => {
    const listeners = await Promise.all(Array.from({ length: 20 }, () => listen(server, { user: "gone" })));
    for (const [i, { socket }] of listeners.entries()) {
      if (i % 2 === 0) socket.end();
      else socket.resetAndDestroy();
    }
    // Each is counted: more than fifty connections of one user are refused.
    await expect
      .poll(
        async () => {
          const some = await Promise.all(Array.from({ length: 45 }, () => listen(server, { user: "gone" })));
          const statuses = new Set(some.map(({ status }) => status));
          await Promise.all(some.map((one) => one.cut()));
          return [...statuses];
        },
        { timeout: 15_000, interval: 1_000 },
      )
      .toEqual([200]);
  });

  test("a listener that never reads is bounded and cut, delays nobody, and loses nothing", async () => {
    const loud = await openChat(server, ["ann", "bob", "deaf"], "Loud");
    const deaf = await listen(server, { user: "deaf" });
    deaf.socket.pause();
    const lastEventId = deaf.lastEventId();
    const bob = await listen(server, { user: "bob" });
    const text = "x".repeat(10_000);
    for (let n = 0; n < MANY; n += 10) {
      await Promise.all(
        Array.from({ length: 10 }, (_, i) => post(server, "ann", loud, `${n + i} ${text}`.slice(0, 10_000))),
      );
    }
    await expect.poll(() => bob.messages().length, { timeout: 15_000 }).toBe(MANY);
    // Its own kernel still has what was sent before it was cut: it reads that, and then the end.
    deaf.socket.resume();
    await deaf.closed;
    const known = deaf.messages().length;
    expect(known).toBeLessThan(MANY);
    const rest = await listen(server, { user: "deaf", lastEventId: deaf.lastEventId() || lastEventId });
    await expect.poll(() => rest.messages().length, { timeout: 15_000 }).toBe(MANY - known);
    expect([...deaf.messages(), ...rest.messages()].map(({ seq }) => seq)).toEqual(
      Array.from({ length: MANY }, (_, n) => n + 2),
    );
    await Promise.all([bob.cut(), rest.cut()]);
  }, 90_000);
});

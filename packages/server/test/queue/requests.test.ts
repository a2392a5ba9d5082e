import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { countAnswers, openSocket, readAll, sendRaw, statusOf } from "../../src/http/testing/raw-http.ts";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";

let scene: Scene;
let server: ServerProcess;
beforeAll(async () => {
  scene = await openScene("queue_requests");
  server = await scene.start({
    RATE_LIMIT_MESSAGES: "off",
    MAX_MESSAGE_LENGTH: "1000",
    MAX_BODY_BYTES: "65536",
  });
});
afterAll(() => scene.close());

const PATH = "/api/v1/messages";
const GOOD = { sender_id: "a", receiver_id: "b", content: "x" };
const post = (body: unknown, headers: Record<string, string> = {}) => server.request(PATH, { body, headers });
const total = async () =>
  (await server.request(`${PATH}?user1=a&user2=b`)).body.pagination.total_count as number;

describe("what is posted", () => {
  test.each([
    ["sender_id", { receiver_id: "b", content: "x" }],
    ["sender_id", {}],
    ["receiver_id", { sender_id: "a", content: "x" }],
    ["content", { sender_id: "a", receiver_id: "b" }],
    ["sender_id", { ...GOOD, sender_id: "" }],
    ["receiver_id", { ...GOOD, receiver_id: "" }],
    ["content", { ...GOOD, content: "" }],
    ["sender_id", { ...GOOD, sender_id: 7 }],
    ["receiver_id", { ...GOOD, receiver_id: null }],
    ["content", { ...GOOD, content: ["x"] }],
    ["content", { ...GOOD, content: { toString: "x" } }],
    ["sender_id", { ...GOOD, sender_id: "a".repeat(129) }],
    ["receiver_id", { ...GOOD, receiver_id: "b\n" }],
    ["content", { ...GOOD, content: " \n\t\u2003" }],
    ["content", { ...GOOD, content: "a\0b" }],
    ["content", { ...GOOD, content: "x".repeat(1001) }],
    ["content", '{"sender_id":"a","receiver_id":"b","content":"\\ud800"}'],
    ["key twice", '{"sender_id":"a","receiver_id":"b","content":"x","content":"y"}'],
    ["JSON", '{"sender_id":"a"'],
    ["JSON object", "[]"],
    ["JSON object", "null"],
    ["JSON object", '"text"'],
    ["JSON object", ""],
    ["__proto__", '{"sender_id":"a","receiver_id":"b","content":"x","__proto__":{}}'],
  ])("is refused by the name of what is wrong with it: %s in %j", async (name, body) => {
    const before = await total();
    const answer = await post(body);
    expect([answer.status, answer.body]).toEqual([
      400,
      { error: expect.stringMatching(new RegExp(`^Invalid request: .*\\b${name}`)) },
    ]);
    expect(await total()).toBe(before);
  });

  test("may have more fields, any text, and the longest one", async () => {
    const emoji = "👩‍👩‍👧".repeat(125);
    expect((await post({ ...GOOD, content: emoji, client: { anything: [1] }, timestamp: 1 })).status).toBe(
      202,
    );
    const { body } = await server.request(`${PATH}?user1=a&user2=b&limit=1`);
    expect(body.data[0].content).toBe(emoji);
  });

  test("has a key of 1 to 255 characters without controls", async () => {
    expect((await post(GOOD, { "idempotency-key": "k".repeat(255) })).status).toBe(202);
    for (const key of ["", "k".repeat(256), "a\tb"]) {
      const answer = await post(GOOD, { "idempotency-key": key });
      expect([answer.status, answer.body], key).toEqual([400, { error: expect.stringContaining("key") }]);
    }
  });

  test.each([
    ["application/json", 202],
    ["application/JSON; charset=UTF-8", 202],
    ["application/json; charset=utf-16", 415],
    ["text/plain", 415],
    ["application/x-www-form-urlencoded", 415],
    ["", 415],
  ])("is of the type %j: %i", async (type, status) => {
    const answer = await post(JSON.stringify(GOOD), { "content-type": type });
    expect(answer.status).toBe(status);
    if (status !== 202) expect(answer.body).toEqual({ error: expect.any(String) });
  });

  test("is answered with the headers that every answer has", async () => {
    const { headers } = await post(GOOD, { origin: "http://localhost:3000" });
    expect(headers.get("x-request-id")).toMatch(/^[0-9a-f]{8}-[0-9a-z]+$/);
    expect(headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("access-control-allow-origin")).toBe("http://localhost:3000");
    expect((await post({})).headers.get("x-request-id")).toBeTruthy();
    expect((await post(GOOD, { origin: "https://evil.example" })).status).toBe(403);
  });

  test("comes whole or not at all: over its size, in pieces, broken off, pipelined", async () => {
    const head = `POST ${PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n`;
    const body = JSON.stringify(GOOD);
    const before = await total();
    const chunked = `${head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n`;
    const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
    const pieces = [...body].map(chunk).join("");
    expect(statusOf(await sendRaw(server.url, `${chunked}${pieces}0\r\n\r\n`))).toBe(202);
    const plain = `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
    const pipelined = await sendRaw(server.url, plain.repeat(5), 1_000);
    expect([countAnswers(pipelined), pipelined.match(/ 202 /g)?.length]).toEqual([5, 5]);
    expect(await total()).toBe(before + 6);

    const declared = await sendRaw(server.url, `${head}Content-Length: 65537\r\n\r\n`);
    expect([statusOf(declared), declared]).toEqual([413, expect.stringMatching(/connection: close/i)]);
    const endless = await sendRaw(server.url, chunked + chunk("x".repeat(40_000)).repeat(3));
    expect([statusOf(endless), countAnswers(endless)]).toEqual([413, 1]);
    const both = `${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`;
    expect(statusOf(await sendRaw(server.url, both))).toBe(400);

    const socket = await openSocket(server.url);
    socket.write(`${head}Content-Length: ${body.length}\r\n\r\n${body.slice(0, 10)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.destroy();
    const slow = await openSocket(server.url);
    slow.write(`${head}Connection: close\r\nContent-Length: ${body.length}\r\n\r\n`);
    for (const character of body) {
      slow.write(character);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    expect(statusOf(await readAll(slow))).toBe(202);
    expect(await total()).toBe(before + 7);
  });
});

describe("what is asked", () => {
  test.each(["", "?user1=a", "?user2=b", "?user1=&user2=b", "?user1=a&user2="])(
    "needs both users: %j",
    async (query) => {
      const { status, body } = await server.request(PATH + query);
      expect([status, body]).toEqual([400, { error: "Both user1 and user2 query parameters are required" }]);
    },
  );

  test.each([
    ["limit", "limit=0"],
    ["limit", "limit=-1"],
    ["limit", "limit=101"],
    ["limit", "limit=1000000000"],
    ["limit", "limit=1.5"],
    ["limit", "limit=ten"],
    ["limit", "limit="],
    ["limit", "limit=1&limit=2"],
    ["offset", "offset=-1"],
    ["offset", "offset=1e3"],
    ["offset", "offset=x"],
    ["offset", "offset=99999999999999999999"],
    ["user1", "user1=c"],
  ])("names what is wrong: %s in %s", async (name, query) => {
    const { status, body } = await server.request(`${PATH}?user1=a&user2=b&${query}`);
    expect([status, body]).toEqual([
      400,
      { error: expect.stringMatching(new RegExp(`^Invalid request: .*\\b${name}`)) },
    ]);
  });

  test("is of users that can be", async () => {
    for (const user of ["a".repeat(129), "%00", "a%0Ab"]) {
      expect((await server.request(`${PATH}?user1=${user}&user2=b`)).status).toBe(400);
    }
  });

  test("has only these ways, and its own form of errors under all of them", async () => {
    for (const [method, path, status] of [
      ["PUT", PATH, 405],
      ["DELETE", PATH, 405],
      ["GET", `${PATH}/1/read`, 405],
      ["POST", `${PATH}/1/read`, 405],
      ["GET", `${PATH}/1`, 404],
      ["POST", `${PATH}/`, 404],
      ["PATCH", `${PATH}/1/unread`, 404],
    ] as const) {
      const answer = await server.request(path, { method });
      expect([method, path, answer.status, answer.body]).toEqual([
        method,
        path,
        status,
        { error: expect.any(String) },
      ]);
    }
    const preflight = await server.request(PATH, {
      method: "OPTIONS",
      headers: { origin: "http://localhost:3000", "access-control-request-method": "POST" },
    });
    expect([preflight.status, preflight.headers.get("access-control-allow-methods")]).toEqual([
      204,
      expect.stringContaining("POST"),
    ]);
  });
});

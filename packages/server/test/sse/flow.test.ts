import { createHmac } from "node:crypto";
import { EventSource } from "eventsource";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { connect, say } from "../support/socket.ts";
import { listen, openChat, post } from "./stream-client.ts";

const SECRET = "q8Zr3vNw0LkTj5XbYd2HsGf7UcPe9MaV4oRi";

let scene: Scene;
let server: ServerProcess;
let jwt: ServerProcess;

beforeAll(async () => {
  scene = await openScene("sse_flow");
  [server, jwt] = await Promise.all([
    scene.start({
      SWEEP_SECONDS: "1",
      HEARTBEAT_SECONDS: "1",
      SANDBOX_BOT: "off",
      MAX_CONNECTIONS_PER_USER: "3",
    }),
    scene.start({ SWEEP_SECONDS: "1", JWT_SECRET: SECRET }),
  ]);
});
afterAll(() => scene.close());

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
function sign(claims: object): string {
  const body = `${part({ alg: "HS256", typ: "JWT" })}.${part({ exp: Math.floor(Date.now() / 1000) + 600, ...claims })}`;
  return `${body}.${createHmac("sha256", SECRET).update(body).digest("base64url")}`;
}
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const as = (user: string, key?: string) => ({
  "x-user-id": user,
  ...(key !== undefined && { "idempotency-key": key }),
});

describe("as the document has it", () => {
  test("chats, their messages, a message under a key, and the stream in a public client", async () => {
    const chats = (await server.request("/chats")).body as { id: number; name: string }[];
    expect(chats.map(({ name }) => name)).toEqual(["John", "Jessica", "Matt", "Sarah"]);
    const chat = chats[2]?.id as number;
    const source = new EventSource(`${server.url}/events?stream=messages`);
    const heard: unknown[] = [];
    source.onmessage = ({ data }) => heard.push(JSON.parse(data));
    await new Promise((resolve) => {
      source.onopen = resolve;
    });
    const path = `/chats/${chat}/messages`;
    const key = "459cfe7e-5952-43a0-a0ff-b2d8f1f4cfad";
    const sent = await server.request(path, {
      headers: { "idempotency-key": key },
      body: { text: "Hi Matt" },
    });
    expect(sent.status).toBe(200);
    expect(sent.headers.get("content-type")).toMatch(/^application\/json/);
    expect(sent.body).toMatchObject({
      id: expect.any(Number),
      chat_id: chat,
      author: "user",
      text: "Hi Matt",
      sent_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      idempotency_key: key,
    });
    const again = await server.request(path, {
      headers: { "idempotency-key": key },
      body: { text: "Hi Matt" },
    });
    expect([again.status, again.body]).toEqual([200, sent.body]);
    const other = await server.request(path, {
      headers: { "idempotency-key": key },
      body: { text: "Hi John" },
    });
    expect([other.status, Object.keys(other.body)]).toEqual([422, ["error"]]);
    const { body: messages } = await server.request(path);
    expect(messages).toMatchObject([{ author: "bot" }, sent.body]);
    await expect.poll(() => heard).toEqual([sent.body]);
    // Nothing that a text holds can end its line, its event or its stream.
    const texts = [
      "\ufeffid: 1\n\ndata: {}\n\n",
      "\r\revent: reset\r\ndata: x\r\n\r\n",
      ": \u2028\u2029\u0085\u000b 👩‍👩‍👧",
    ];
    for (const [n, text] of texts.entries()) {
      await server.request(path, { headers: { "idempotency-key": `nasty-${n}` }, body: { text } });
    }
    await expect.poll(() => heard.slice(1)).toMatchObject(texts.map((text) => ({ text })));
    source.close();
    expect((await server.request("/chats")).body[0]).toEqual({ id: chat, name: "Matt" });
  });

  test("the 100 most recent messages, oldest first; edits and deletions as updates", async () => {
    const chat = await openChat(server, ["ann", "bob"], "Long");
    const ann = await connect(server, { user: "ann" });
    const stream = await listen(server, { user: "bob" });
    for (let n = 0; n < 105; n++) await say(ann, String(chat), `number ${n}`, { message_id: `n${n}` });
    await ann.ask("message.edit", { conversation_id: chat, message_id: "n103", content: "edited" });
    await ann.ask("message.delete", { conversation_id: chat, message_id: "n104" });
    await stream.until((events) => events.length === 107, "all");
    expect(stream.events().slice(-2)).toMatchObject([
      { name: "update", data: { text: "edited", edited_at: expect.any(String), idempotency_key: "n103" } },
      { name: "update", data: { text: "", deleted_at: expect.any(String), idempotency_key: "n104" } },
    ]);
    const { body } = await server.request(`/chats/${chat}/messages`, { headers: as("bob") });
    expect(body).toHaveLength(100);
    expect(body.slice(0, 2).map(({ text }: { text: string }) => text)).toEqual(["number 5", "number 6"]);
    expect(body.at(-1)).toMatchObject({ text: "" });
    // Of a direct chat the name is the other person's.
    await ann.ask("conversation.open", { participants: ["ann", "carl"] });
    expect((await server.request("/chats", { headers: as("carl") })).body).toEqual([
      { id: expect.any(Number), name: "ann" },
    ]);
    await ann.close();
    await stream.cut();
  });

  test("the head of the stream, its heartbeats, and other methods", async () => {
    const stream = await listen(server, { user: "ann" });
    expect(stream.head).toMatch(/^content-type: text\/event-stream\r$/im);
    expect(stream.head).toMatch(/^cache-control: no-store, no-transform\r$/im);
    expect(stream.head).toMatch(/^x-accel-buffering: no\r$/im);
    expect(stream.head).toMatch(/^x-content-type-options: nosniff\r$/im);
    expect(stream.body()).toMatch(/^retry: \d+\n: .*\n\n/);
    await expect.poll(() => stream.body(), { timeout: 5_000 }).toMatch(/^: heartbeat$/m);
    await expect
      .poll(() => stream.body().match(/^: heartbeat$/gm)?.length, { timeout: 5_000 })
      .toBeGreaterThan(2);
    expect(stream.events()).toEqual([]);
    for (const method of ["HEAD", "POST", "PUT", "DELETE"]) {
      const { status, headers } = await fetch(`${server.url}/events?stream=messages`, { method });
      expect([method, status, headers.get("allow")]).toEqual([method, 405, "GET"]);
    }
    for (const query of ["", "stream=", "stream=chats", "stream=messages&stream=messages"]) {
      const refused = await listen(server, { query, user: "ann" });
      expect(refused.status, query).toBe(400);
      await refused.cut();
    }
    await stream.cut();
  });
});

describe("who is calling", () => {
  test("in open mode whoever is named, in one way only; nobody hears what is not theirs", async () => {
    const chat = await openChat(server, ["ida", "joe"], "Private");
    const [ida, eve] = await Promise.all(["ida", "eve"].map((user) => listen(server, { user })));
    await post(server, "joe", chat, "between us");
    await ida?.until((events) => events.length === 1, "the message");
    expect(eve?.events()).toEqual([]);
    for (const path of [`/chats/${chat}/messages`, "/chats/987654321/messages"]) {
      expect((await server.request(path, { headers: as("eve") })).status).toBe(404);
      const { status, body } = await server.request(path, { headers: as("eve", "k"), body: { text: "x" } });
      expect([status, Object.keys(body)]).toEqual([404, ["error"]]);
    }
    const two = await listen(server, { user: "ida", headers: { "x-user-id": "eve" } });
    expect(two.status).toBe(403);
    const others = await Promise.all([1, 2].map(() => listen(server, { user: "ida" })));
    const tooMany = await listen(server, { user: "ida" });
    expect(tooMany.status).toBe(429);
    expect(tooMany.head).toMatch(/^retry-after: \d+\r$/im);
    await Promise.all([ida, eve, two, tooMany, ...others].map((one) => one?.cut()));
  });

  test("with keys configured a token is needed, and its end is the stream's", async () => {
    for (const path of ["/chats", "/chats/1/messages", "/events?stream=messages"]) {
      const { status, body } = await jwt.request(path, { headers: as("ann") });
      expect([path, status, Object.keys(body)]).toEqual([path, 401, ["error"]]);
    }
    const token = sign({ sub: "ann", name: "Ann" });
    const opened = await jwt.request("/api/v1/chats", {
      headers: bearer(token),
      body: { participants: ["tom"] },
    });
    expect(opened.status).toBe(201);
    const toms = await jwt.request("/chats", { headers: bearer(sign({ sub: "tom" })) });
    expect(toms.body).toEqual([{ id: expect.any(Number), name: "Ann" }]);
    const chat = toms.body[0].id;
    // Long enough to be heard once, though the machine be slow.
    const short = sign({ sub: "tom", exp: Math.floor(Date.now() / 1000) + 3 });
    const stream = await listen(jwt, { token: short });
    const sent = await jwt.request(`/chats/${chat}/messages`, {
      headers: { ...bearer(token), "idempotency-key": "one" },
      body: { text: "hello" },
    });
    expect(sent.body).toMatchObject({ sender_id: "ann", sender_name: "Ann", author: "user" });
    await stream.until((events) => events.length === 1, "the message");
    await stream.closed;
    const back = await listen(jwt, { token: short, lastEventId: stream.lastEventId() });
    // Up to five seconds of leeway are given to clocks that differ.
    if (back.status === 200) await back.closed;
    expect((await jwt.request("/chats", { headers: bearer(sign({ sub: "tom", exp: 1 })) })).status).toBe(401);
    await back.cut();
    const operator = await jwt.request("/chats", {
      headers: bearer(sign({ sub: "s", scope: "parlance:service" })),
    });
    expect(operator.status).toBe(401);
    const forTom = { ...bearer(sign({ sub: "s", scope: "parlance:service" })), "x-user-id": "tom" };
    expect((await jwt.request("/chats", { headers: forTom })).body).toEqual(toms.body);
  });
});

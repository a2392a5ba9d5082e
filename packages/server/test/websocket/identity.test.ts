import { createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { connect, openConversation, say } from "../support/socket.ts";

const SECRET = "q8Zr3vNw0LkTj5XbYd2HsGf7UcPe9MaV4oRi";

let scene: Scene;
let open: ServerProcess;
let jwt: ServerProcess;

beforeAll(async () => {
  scene = await openScene("ws_identity");
  [open, jwt] = await Promise.all([
    scene.start(),
    scene.start({
      JWT_SECRET: SECRET,
      RATE_LIMIT_MESSAGES: "20",
      RATE_LIMIT_REACTIONS: "3",
      UNKNOWN_USERS: "reject",
    }),
  ]);
});
afterAll(() => scene.close());

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
const now = () => Math.floor(Date.now() / 1000);

/** Signed by hand: a library would not make the bad ones. */
function sign(claims: object, secret = SECRET, header: object = { alg: "HS256", typ: "JWT" }): string {
  const body = `${part(header)}.${part({ exp: now() + 600, ...claims })}`;
  return `${body}.${createHmac("sha256", secret).update(body).digest("base64url")}`;
}
const service = () => sign({ sub: "backend", scope: "parlance:service" });
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

describe("open mode", () => {
  test("whom a socket names, by query or header; nobody is refused in words, then with 4001", async () => {
    for (const options of [{ user: "ann" }, { headers: { "x-user-id": "ann" } }]) {
      const ann = await connect(open, options);
      expect(ann.ready.user_id).toBe("ann");
      await ann.close();
    }
    for (const options of [
      {},
      { user: "" },
      { user: "a\nb" },
      { user: "x".repeat(129) },
      { user: "a", headers: { "x-user-id": "b" } },
      { query: "user_id=a&user_id=b" },
      { token: "nonsense" },
      { token: "" },
    ]) {
      const refused = await connect(open, { ...options, early: true });
      expect((await refused.closed).code, JSON.stringify(options)).toBe(4001);
      expect(refused.frames).toEqual([
        { event: "error", payload: { code: "unauthenticated", message: expect.any(String) } },
      ]);
    }
  });

  test("the operator reads anything; who names itself reads its own", async () => {
    const ann = await connect(open, { user: "ann" });
    const conversation = await openConversation(ann, ["bob"]);
    await say(ann, conversation, "hello");
    const status = async (path: string, headers: Record<string, string> = {}) =>
      (await open.request(path, { headers })).status;
    const [history, inbox] = [`/api/v1/chat/${conversation}`, "/api/v1/chats/ann"];
    expect([await status(history), await status(inbox)]).toEqual([200, 200]);
    expect(await status(history, { "x-user-id": "bob" })).toBe(200);
    expect(await status(history, { "x-user-id": "eve" })).toBe(404);
    expect(await status(`${history}?user_id=eve`)).toBe(404);
    expect(await status(inbox, { "x-user-id": "ann" })).toBe(200);
    expect(await status(inbox, { "x-user-id": "bob" })).toBe(403);
    expect(await status(`${inbox}?user_id=ann`, { "x-user-id": "bob" })).toBe(403);
    // Header bytes are Latin-1 to Node; what is UTF-8 was meant so.
    expect(
      await status("/api/v1/chats/J%C3%B6rg", { "x-user-id": Buffer.from("Jörg").toString("latin1") }),
    ).toBe(200);
    await ann.close();
  });

  test("a sender_id other than the connection's is refused and nothing is stored", async () => {
    const ann = await connect(open, { user: "ann" });
    const conversation = await openConversation(ann, ["mallory"]);
    const before = (await open.request(`/api/v1/chat/${conversation}`)).body;
    const answer = await ann.ask("message.send", {
      conversation_id: conversation,
      sender_id: "mallory",
      content: "x",
    });
    expect(answer).toMatchObject({ event: "error", payload: { code: "forbidden" } });
    expect((await open.request(`/api/v1/chat/${conversation}`)).body).toEqual(before);
    await ann.close();
  });

  test("a token that is shown decides, and binds", async () => {
    const { token } = (await open.request("/api/dev/token", { body: { user: "tok", name: "Tok" } })).body;
    for (const options of [
      { token },
      { headers: bearer(token) },
      { query: `access_token=${token}` },
      { token, user: "tok" },
    ]) {
      const tok = await connect(open, options);
      expect(tok.ready.user_id).toBe("tok");
      await tok.close();
    }
    const other = await connect(open, { token, user: "ann", early: true });
    expect((await other.closed).code).toBe(4001);
    expect((await open.request("/api/v1/chats/ann", { headers: bearer(token) })).status).toBe(403);
    expect((await open.request("/api/v1/chats/tok", { headers: bearer(`${token}x`) })).status).toBe(401);
  });

  test("web pages elsewhere and other hosts' names do not get in", async () => {
    const evil = { origin: "https://evil.example" };
    expect(
      (await open.request("/api/v1/chats", { body: { participants: ["a", "b"] }, headers: evil })).status,
    ).toBe(403);
    const socket = await connect(open, { user: "ann", headers: evil, early: true });
    expect((await socket.closed).code).toBe(1006);
    const local = await connect(open, { user: "ann", headers: { origin: "http://localhost:5173" } });
    await local.close();
  });
});

describe("jwt mode", () => {
  test("no token, a bad one, an expired one: 401, and 4001 with the reason on a socket", async () => {
    const good = sign({ sub: "ann" });
    const bad: readonly (string | undefined)[] = [
      undefined,
      "x",
      `${good.slice(0, -2)}xx`,
      sign({ sub: "ann" }, "another secret, long enough to be one"),
      sign({ sub: "ann", exp: now() - 60 }),
      sign({ sub: "ann", nbf: now() + 60 }),
      sign({ sub: "ann", exp: "2099" }),
      sign({ sub: "ann", exp: undefined }),
      sign({ exp: now() + 60 }),
      sign({ sub: 7 }),
      sign({ sub: "" }),
      sign({ sub: "x".repeat(129) }),
      sign({ sub: "ann", typ: "refresh" }),
      sign({ sub: "ann" }, SECRET, { alg: "HS512" }),
      `${part({ alg: "none" })}.${part({ sub: "ann", exp: now() + 60 })}.`,
      `${part({ alg: "HS256", kid: "../../dev/null" })}.${part({ sub: "ann" })}.AAAA`,
      "a.b.c.d.e",
    ];
    for (const token of bad) {
      const answer = await jwt.request(
        "/api/v1/chats/ann",
        token === undefined ? {} : { headers: bearer(token) },
      );
      expect([answer.status, answer.body.error.code], token).toEqual([401, "unauthenticated"]);
      const socket = await connect(jwt, { ...(token !== undefined && { token }), user: "ann", early: true });
      expect((await socket.closed).code, token).toBe(4001);
      expect(socket.all("error")).toMatchObject([{ code: "unauthenticated" }]);
    }
    expect((await jwt.request("/api/v1/chats/ann", { headers: bearer(good) })).status).toBe(200);
    expect((await jwt.request("/health")).status).toBe(200);
    expect((await jwt.request("/ready")).status).toBe(200);
    expect((await jwt.request("/api/dev/token", { body: { user: "ann" } })).status).toBe(404);
    expect(jwt.output()).not.toContain(good.split(".")[2] as string);
  });

  test("one's own inbox only, one's own name only, and X-User-Id means nothing", async () => {
    const token = sign({ sub: "ann", name: "Ann" });
    const status = async (path: string, headers = {}) =>
      (await jwt.request(path, { headers: { ...bearer(token), ...headers } })).status;
    expect(await status("/api/v1/chats/bob")).toBe(403);
    expect(await status("/api/v1/chats/ann?user_id=bob")).toBe(403);
    expect(await status("/api/v1/chats/ann", { "x-user-id": "bob" })).toBe(200);
    expect(await status("/api/v1/chats/bob", { "x-user-id": "bob" })).toBe(403);
    const other = await connect(jwt, { token, user: "bob", early: true });
    expect((await other.closed).code).toBe(4001);
  });

  test("unknown people are not made where they are to be refused; a service makes them", async () => {
    const ann = await connect(jwt, { token: sign({ sub: "ann" }) });
    expect((await ann.ask("conversation.open", { participants: ["never-seen"] })).payload.code).toBe(
      "not_found",
    );
    const made = await jwt.request("/api/v1/chats", {
      body: { participants: ["ann", "never-seen"] },
      headers: bearer(service()),
    });
    expect(made.status).toBe(201);
    expect(
      (await ann.ask("conversation.open", { participants: ["never-seen"] })).payload.conversation_id,
    ).toBe(made.body.conversation_id);
    await ann.close();
  });

  test("a service token acts for whom it names, reads all, and has no rate limit", async () => {
    const token = service();
    const bot = await connect(jwt, { token, user: "robot" });
    expect(bot.ready.user_id).toBe("robot");
    const conversation = await openConversation(bot, ["ann"]);
    for (let i = 0; i < 30; i++) await say(bot, conversation, `m${i}`);
    expect((await jwt.request(`/api/v1/chat/${conversation}`, { headers: bearer(token) })).status).toBe(200);
    expect((await jwt.request("/api/v1/chats/ann", { headers: bearer(token) })).status).toBe(200);
    const nobody = await connect(jwt, { token, early: true });
    expect((await nobody.closed).code).toBe(4001);
    await bot.close();
  });

  test("rate limits: answered with the wait; a repeat of a key is free", async () => {
    const user = await connect(jwt, { token: sign({ sub: "hasty" }) });
    // One of the twenty.
    const conversation = await openConversation(user, ["hasty"]);
    let sent = 0;
    let answer = await user.ask("message.send", {
      conversation_id: conversation,
      content: "x",
      message_id: "first",
    });
    for (; answer.event === "message.ack" && sent < 100; sent++) {
      answer = await user.ask("message.send", { conversation_id: conversation, content: "x" });
    }
    expect(sent).toBeGreaterThanOrEqual(19);
    expect(sent).toBeLessThan(30);
    expect(answer.payload).toMatchObject({ code: "rate_limited", retry_after: expect.any(Number) });
    // What was free is not given back: repeats earn no new messages. One may have come due meanwhile.
    const more = [];
    for (let i = 0; i < 3; i++) {
      const again = await user.ask("message.send", {
        conversation_id: conversation,
        content: "x",
        message_id: "first",
      });
      expect(again).toMatchObject({ event: "message.ack", payload: { duplicate: true } });
      more.push((await user.ask("message.send", { conversation_id: conversation, content: "x" })).event);
    }
    expect(more.slice(1)).toEqual(["error", "error"]);
    const codes = [];
    for (const emoji of ["👍", "👎", "🎉", "❤️"]) {
      codes.push(
        (await user.ask("reaction.add", { conversation_id: conversation, message_id: "first", emoji })).event,
      );
    }
    expect(codes).toEqual(["ok", "ok", "ok", "error"]);
    await user.close();
  });

  test("an open connection ends within 5 s of its token's end, with 4001, unless it was renewed as the same user", async () => {
    const short = () => sign({ sub: "short", exp: now() + 2 });
    const [ends, renews] = await Promise.all([
      connect(jwt, { token: short() }),
      connect(jwt, { token: short() }),
    ]);
    const until = (now() + 2) * 1000;
    expect((await renews.ask("auth", { token: sign({ sub: "other" }) })).payload.code).toBe("forbidden");
    expect((await renews.ask("auth", { token: "x" })).payload.code).toBe("unauthenticated");
    expect((await renews.ask("auth", { token: sign({ sub: "short" }) })).event).toBe("ok");
    expect(await ends.closed).toMatchObject({ code: 4001 });
    expect(ends.all("error")).toMatchObject([{ code: "unauthenticated" }]);
    expect(Date.now() - until).toBeLessThan(5_000);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, until + 5_000 - Date.now())));
    expect((await renews.ask("ping")).event).toBe("pong");
    await renews.close();
  });
});

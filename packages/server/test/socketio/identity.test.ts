import { createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { begin, conversationOf, type Options, open, say } from "./client.ts";

const SECRET = "q8Zr3vNw0LkTj5XbYd2HsGf7UcPe9MaV4oRi";

let scene: Scene;
let anyone: ServerProcess;
let jwt: ServerProcess;
beforeAll(async () => {
  scene = await openScene("sio_identity");
  [anyone, jwt] = await Promise.all([
    scene.start(),
    scene.start({ JWT_SECRET: SECRET, RATE_LIMIT_MESSAGES: "3", MAX_CONNECTIONS_PER_USER: "2" }),
  ]);
});
afterAll(() => scene.close());

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
const inSeconds = (seconds: number) => Math.floor(Date.now() / 1_000) + seconds;

function sign(claims: object, secret = SECRET): string {
  const body = `${part({ alg: "HS256", typ: "JWT" })}.${part({ exp: inSeconds(600), ...claims })}`;
  return `${body}.${createHmac("sha256", secret).update(body).digest("base64url")}`;
}

/** What `connect_error` says. */
async function refusalOf(server: ServerProcess, user: string | null, options: Options): Promise<unknown> {
  const error = await open(server, user, options).then(
    () => "connected",
    (failed: Error & { data?: unknown }) => ({ message: failed.message, data: failed.data }),
  );
  return error;
}

const required = { message: "Authentication required", data: { code: "unauthenticated" } };
const invalid = { message: "Invalid token", data: { code: "unauthenticated" } };

describe("open mode", () => {
  test("a user is named by query; nobody, two, or what can be no id, is refused", async () => {
    using ann = await open(anyone, "ann");
    expect(ann.socket.id).toMatch(/^[\w-]{20}$/);
    using other = await open(anyone, null, { query: { user_id: "ann" } });
    expect(other.socket.connected).toBe(true);
    for (const query of [
      {},
      { userId: "" },
      { userId: "a\nb" },
      { userId: "x".repeat(129) },
      { userId: "a", user_id: "b" },
    ]) {
      expect(await refusalOf(anyone, null, { query }), JSON.stringify(query)).toEqual(required);
    }
  });

  test("a token that is given is looked at, and binds", async () => {
    const { body } = await anyone.request("/api/dev/token", { body: { user: "ben", name: "Ben" } });
    using ben = await open(anyone, null, { auth: { token: body.token } });
    const conversation = await conversationOf(anyone, ["ben", "cat"]);
    await ben.ask("join_conversation", conversation);
    await say(ben, conversation, "hi");
    expect(ben.all("new_message")).toMatchObject([{ sender_id: "ben", sender_name: "Ben" }]);
    for (const auth of [{ token: "nonsense" }, { token: ["a"] }, { token: { toJSON: 1 } }, { token: 7 }]) {
      expect(await refusalOf(anyone, "ben", { auth }), JSON.stringify(auth)).toEqual(invalid);
    }
    expect(await refusalOf(anyone, "cat", { auth: { token: body.token } })).toEqual(invalid);
  });
});

describe("jwt mode", () => {
  test("every connection needs a token, wherever it stands", async () => {
    expect(await refusalOf(jwt, null, {})).toEqual(required);
    expect(await refusalOf(jwt, "ann", {})).toEqual(required);
    expect(await refusalOf(jwt, "ann", { extraHeaders: { "x-user-id": "ann" } })).toEqual(required);
    expect(await refusalOf(jwt, null, { auth: { token: sign({ sub: "ann" }, `${SECRET}x`) } })).toEqual(
      invalid,
    );
    expect(
      await refusalOf(jwt, null, { auth: { token: sign({ sub: "ann", exp: inSeconds(-60) }) } }),
    ).toEqual(invalid);
    expect(await refusalOf(jwt, "ben", { auth: { token: sign({ sub: "ann" }) } })).toEqual(invalid);
    const token = sign({ sub: "ann" });
    for (const options of [
      { auth: { token } },
      { query: { token } },
      { extraHeaders: { authorization: `Bearer ${token}` } },
      { extraHeaders: { authorization: `Bearer ${token}` }, transports: ["polling"] },
    ]) {
      using ann = await open(jwt, null, options);
      expect(ann.socket.connected).toBe(true);
    }
  });

  test("REST answers 401 and 403 in the document's form", async () => {
    const headers = { authorization: `Bearer ${sign({ sub: "ann" })}` };
    const sentence = "User is not a participant in this conversation";
    const ask = async (path: string, options: Parameters<ServerProcess["request"]>[1]) => {
      const { status, body } = await jwt.request(path, options);
      return { status, ...body };
    };
    expect(await ask("/messages/conversations/ann", {})).toEqual({
      status: 401,
      success: false,
      message: expect.any(String),
    });
    expect((await ask("/messages/conversations/ben", { headers })).status).toBe(403);
    const foreign = await conversationOf(anyone, ["eve", "fay"], "foreign");
    for (const id of [foreign, "6ba7b810-9dad-11d1-80b4-00c04fd430c8"]) {
      const refused = { status: 403, success: false, message: sentence };
      expect(await ask(`/messages/${id}`, { headers })).toEqual(refused);
      expect(await ask(`/messages/${id}/mark-read`, { headers, method: "POST", body: {} })).toEqual(refused);
    }
    const speaksForBen = { headers, body: { user_id: "ben" } };
    expect((await ask(`/messages/${foreign}/mark-read`, speaksForBen)).status).toBe(403);
    const withoutMe = { headers, body: { participant_ids: ["ben", "cat"] } };
    expect((await ask("/messages", withoutMe)).status).toBe(403);
  });

  test("an expired token ends the connection within five seconds, for good", async () => {
    const token = sign({ sub: "dan", exp: inSeconds(1) });
    using dan = begin(jwt, null, { auth: { token }, reconnection: true });
    const reason = await new Promise((resolve) => dan.socket.on("disconnect", resolve));
    const late = Date.now() / 1_000 - inSeconds(0);
    expect(reason).toBe("io server disconnect");
    expect(dan.all("error")).toEqual([{ error: "The token has expired", code: "unauthenticated" }]);
    expect(dan.socket.active).toBe(false);
    expect(late).toBeLessThan(11);
  });

  test("limits of messages and of connections have their words", async () => {
    const auth = { token: sign({ sub: "gil" }) };
    const body = { participant_ids: ["gil", "hans"] };
    const headers = { authorization: `Bearer ${auth.token}` };
    const { body: made } = await jwt.request("/messages", { headers, body });
    using gil = await open(jwt, null, { auth });
    using _ = await open(jwt, null, { auth });
    expect(await refusalOf(jwt, null, { auth })).toEqual({
      message: "This user has too many connections",
      data: { code: "rate_limited" },
    });
    await say(gil, made.data.id, "one");
    await say(gil, made.data.id, "two");
    expect(await gil.ask("send_message", { conversation_id: made.data.id, content: "three" })).toEqual({
      success: false,
      error: expect.any(String),
      code: "rate_limited",
      retry_after: expect.any(Number),
    });
    expect(gil.all("message_error")).toMatchObject([{ code: "rate_limited" }]);
  });
});

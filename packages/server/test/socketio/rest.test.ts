import { readId, spellPrefixed, spellUuid } from "@parlance/protocol/ids.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openScene, type RequestOptions, type Scene, type ServerProcess } from "../support/server.ts";
import { conversationOf, open, say } from "./client.ts";

let scene: Scene;
let server: ServerProcess;
beforeAll(async () => {
  scene = await openScene("sio_rest");
  server = await scene.start();
});
afterAll(() => scene.close());

const as = (user: string): RequestOptions => ({ headers: { "x-user-id": user } });

describe("a page", () => {
  let conversation: string;
  beforeAll(async () => {
    conversation = await conversationOf(server, ["ann", "ben"], "pages");
    using ann = await open(server, "ann");
    for (let i = 0; i < 7; i++) await say(ann, conversation, `n${i}`);
  });
  const page = async (query: string) => {
    const { status, body } = await server.request(`/messages/${conversation}${query}`, as("ben"));
    if (status !== 200) return { status, ...body };
    const { messages, ...rest } = body.data;
    return { ...rest, messages: messages.map(({ content }: { content: string }) => content) };
  };

  test("counts back from the newest and reads from the oldest", async () => {
    const all = ["n0", "n1", "n2", "n3", "n4", "n5", "n6"];
    expect(await page("")).toEqual({ total: 7, limit: 50, offset: 0, messages: all });
    expect(await page("?limit=3")).toEqual({ total: 7, limit: 3, offset: 0, messages: all.slice(4) });
    expect(await page("?limit=3&offset=3")).toMatchObject({ offset: 3, messages: all.slice(1, 4) });
    expect(await page("?limit=3&offset=6")).toMatchObject({ messages: ["n0"] });
    expect(await page("?offset=7")).toMatchObject({ total: 7, messages: [] });
    expect(await page("?limit=9999")).toMatchObject({ limit: 200, messages: all });
  });

  test.each(["?limit=0", "?limit=-1", "?limit=x", "?limit=1.5", "?limit=", "?offset=-1", "?offset=x"])(
    "%s is refused",
    async (query) => {
      expect(await page(query)).toEqual({ status: 400, success: false, message: expect.any(String) });
    },
  );

  test("is found by the conversation's id in any spelling", async () => {
    const id = readId("conversation", conversation) as number;
    for (const spelling of [
      id,
      spellUuid("conversation", id).toUpperCase(),
      spellPrefixed("conversation", id),
    ]) {
      const { body } = await server.request(`/messages/${spelling}`, as("ann"));
      expect(body.data.total).toBe(7);
    }
  });
});

describe("a conversation", () => {
  test("of a match is made once, whoever asks, however many at once; with other people it is a conflict", async () => {
    const body = { request_match_id: "m-1", participant_ids: ["cat", "dan"] };
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        server.request("/messages", { ...as(i % 2 ? "cat" : "dan"), body }),
      ),
    );
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 200, 200, 200, 200, 200, 200, 201]);
    expect(new Set(answers.map((answer) => answer.body.data.id)).size).toBe(1);
    const others = { request_match_id: "m-1", participant_ids: ["cat", "dan", "eve"] };
    const conflict = await server.request("/messages", { ...as("cat"), body: others });
    expect(conflict).toMatchObject({ status: 409, body: { success: false } });
  });

  test("of a match is never the pair's direct one, nor another match's", async () => {
    const ask = async (match?: string) => await conversationOf(server, ["fox", "gus"], match);
    const ids = [await ask(), await ask("a"), await ask("b")];
    expect(new Set(ids).size).toBe(3);
    expect([await ask(), await ask("a"), await ask("b")]).toEqual(ids);
    const { body } = await server.request("/messages/conversations/gus");
    const listed = body.data.map((entry: { id: string; request_match_id: string | null }) => [
      entry.id,
      entry.request_match_id,
    ]);
    expect(Object.fromEntries(listed)).toEqual({ [ids[0]!]: null, [ids[1]!]: "a", [ids[2]!]: "b" });
  });

  test("of three without a match is a new one each time, unless its key says otherwise", async () => {
    const body = { participant_ids: ["hal", "ida", "jon"] };
    const ask = async (headers: Record<string, string> = {}) =>
      (await server.request("/messages", { headers: { "x-user-id": "hal", ...headers }, body })).body.data.id;
    expect(await ask()).not.toBe(await ask());
    // The second in UTF-8, as fetch() wants bytes to be given to it.
    for (const key of ["k", Buffer.from("ключ").toString("latin1")]) {
      const id = await ask({ "idempotency-key": key });
      expect(id).toEqual(expect.any(String));
      expect(await ask({ "idempotency-key": key })).toBe(id);
    }
  });

  test.each<[unknown, number]>([
    [{}, 400],
    [{ participant_ids: [] }, 400],
    [{ participant_ids: "ann" }, 400],
    [{ participant_ids: [null] }, 400],
    [{ participant_ids: ["kim", ""] }, 400],
    ['{"participant_ids":["kim",9007199254740993]}', 400],
    ['{"participant_ids":["kim",1e21]}', 400],
    [{ participant_ids: ["kim", "a\nb"] }, 400],
    [{ participant_ids: ["kim", "x".repeat(129)] }, 400],
    [{ participant_ids: ["kim"], request_match_id: 7 }, 400],
    [{ participant_ids: ["kim"], request_match_id: "" }, 400],
    [{ participant_ids: ["kim"], request_match_id: "x".repeat(256) }, 400],
    [{ participant_ids: ["kim"], request_match_id: "a\0" }, 400],
    [{ participant_ids: ["leo", "may"] }, 403],
    ["{", 400],
    ["x".repeat(1_100_000), 413],
  ])("is not made of %j", async (body, status) => {
    const answer = await server.request("/messages", { ...as("kim"), body });
    expect(answer.status).toBe(status);
    expect(answer.body).toEqual({ success: false, message: expect.any(String) });
  });

  test("by a number for a person is by that number's text", async () => {
    const { body } = await server.request("/messages", { body: { participant_ids: [41, "42"] } });
    expect(body.data.participants).toEqual([
      { id: "41", name: null },
      { id: "42", name: null },
    ]);
  });
});

test("a list without a mark for it shows what was archived elsewhere, here and in the sse dialect", async () => {
  const conversation = await conversationOf(server, ["quy", "rex"], "archived");
  const { body } = await server.request("/api/dev/token", { body: { user: "quy" } });
  const archived = await server.request(`/api/chat/conversations/${conversation}/archive?archived=true`, {
    method: "PUT",
    headers: { authorization: `Bearer ${body.token}` },
  });
  expect(archived.status).toBe(200);
  const list = await server.request("/messages/conversations/quy");
  expect(list.body.data.map(({ id }: { id: string }) => id)).toEqual([conversation]);
  expect((await server.request("/chats", as("quy"))).body).toHaveLength(1);
});

test("marking as read needs no body where the request says who reads", async () => {
  const conversation = await conversationOf(server, ["ora", "pia"], "read");
  using ora = await open(server, "ora");
  await say(ora, conversation, "hello");
  const read = { ...as("pia"), method: "POST" };
  const answers = [
    await server.request(`/messages/${conversation}/mark-read`, read),
    await server.request(`/messages/${conversation}/mark-read`, read),
  ];
  expect(answers.map(({ status, body }) => [status, body])).toEqual([
    [200, { success: true, data: { marked: 1 } }],
    [200, { success: true, data: { marked: 0 } }],
  ]);
});

test("whatever is not there is refused in the document's form", async () => {
  const cases: readonly [string, RequestOptions, number][] = [
    ["/messages/x/y/z", {}, 404],
    ["/messages", { method: "DELETE" }, 405],
    ["/messages/nonsense", as("ann"), 400],
    ["/messages/conversations/", {}, 400],
    [`/messages/conversations/${"x".repeat(129)}`, {}, 400],
    ["/messages/conv_abc123", as("ann"), 403],
    ["/messages/1/mark-read", { ...as("ann"), body: { user_id: "ben" } }, 403],
    ["/messages/1/mark-read", { body: { user_id: {} } }, 400],
    ["/messages", { method: "POST" }, 400],
    ["/socket.io/", { method: "PUT" }, 405],
    ["/socket.io/", { headers: { origin: "https://evil.example" } }, 403],
    ["/messages", { body: "x", headers: { "content-type": "text/plain" } }, 415],
  ];
  for (const [path, options, status] of cases) {
    const answer = await server.request(path, options);
    expect(answer.status, `${options.method ?? ""} ${path}`).toBe(status);
    expect(answer.body).toEqual({ success: false, message: expect.any(String) });
  }
});

import { readId, spellPrefixed, spellUuid } from "@parlance/protocol/ids.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { upTo } from "../support/node.ts";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { connect, openConversation, say, type TestClient } from "../support/socket.ts";

let scene: Scene;
let server: ServerProcess;
beforeAll(async () => {
  scene = await openScene("queue_messages");
  server = await scene.start({ RATE_LIMIT_MESSAGES: "off" });
});
afterAll(() => scene.close());

const PATH = "/api/v1/messages";

async function post(sender_id: string, receiver_id: string, content: string, key?: string): Promise<string> {
  const { status, body } = await server.request(PATH, {
    body: { sender_id, receiver_id, content },
    ...(key !== undefined && { headers: { "idempotency-key": key } }),
  });
  expect(status).toBe(202);
  return body.message_id;
}

async function page(user1: string, user2: string, more = "") {
  const { status, body } = await server.request(`${PATH}?user1=${user1}&user2=${user2}${more}`);
  expect(status).toBe(200);
  return body as {
    data: {
      message_id: string;
      sender_id: string;
      receiver_id: string;
      content: string;
      timestamp: string;
      read: boolean;
      deleted: boolean;
      edited_at: string | null;
      seq: number;
      rev: number;
    }[];
    pagination: { total_count: number; has_more: boolean; offset: number; limit: number };
  };
}
const mark = (id: string, user?: string) =>
  server.request(`${PATH}/${id}/read`, {
    method: "PATCH",
    ...(user !== undefined && { headers: { "x-user-id": user } }),
  });

describe("pages", () => {
  test("of two people who have said nothing are empty, and make no conversation", async () => {
    expect(await page("nobody1", "nobody2")).toEqual({
      data: [],
      pagination: { total_count: 0, has_more: false, offset: 0, limit: 20 },
    });
    expect((await server.request("/api/v1/chats/nobody1")).body.chats).toEqual([]);
  });

  test("are the same whichever of the two is named first", async () => {
    const ids = [await post("a1", "a2", "one"), await post("a2", "a1", "two")];
    const one = await page("a1", "a2");
    expect(one).toEqual(await page("a2", "a1"));
    expect(one.data).toMatchObject([
      { message_id: ids[1], sender_id: "a2", receiver_id: "a1", content: "two" },
      { message_id: ids[0], sender_id: "a1", receiver_id: "a2", content: "one" },
    ]);
    expect(Math.abs(Date.parse(one.data[0]?.timestamp as string) - Date.now())).toBeLessThan(60_000);
  });

  test("say exactly whether there is more, at every edge", async () => {
    for (const i of upTo(5)) await post("e1", "e2", `m${i}`);
    for (const [limit, offset, count, has_more] of [
      [5, 0, 5, false],
      [4, 0, 4, true],
      [100, 0, 5, false],
      [1, 4, 1, false],
      [1, 3, 1, true],
      [5, 5, 0, false],
      [5, 999_999_999, 0, false],
    ] as const) {
      const { data, pagination } = await page("e1", "e2", `&limit=${limit}&offset=${offset}`);
      expect([data.length, pagination]).toEqual([count, { total_count: 5, has_more, offset, limit }]);
    }
  });

  test("counted from a growing end never lack what was there: each message of before is on some page", async () => {
    const before: string[] = [];
    for (const i of upTo(40)) before.push(await post("g1", "g2", `m${i}`));
    let writing = true;
    const writer = (async () => {
      for (let i = 0; writing; i++) await post(i % 2 === 0 ? "g1" : "g2", i % 2 === 0 ? "g2" : "g1", "newer");
    })();
    const seen = new Set<string>();
    for (let offset = 0; ; ) {
      const { data, pagination } = await page("g1", "g2", `&limit=7&offset=${offset}`);
      const times = data.map((message) => message.seq);
      expect(times).toEqual(times.toSorted((a, b) => b - a));
      expect(pagination.has_more).toBe(offset + data.length < pagination.total_count);
      for (const { message_id } of data) seen.add(message_id);
      offset += data.length;
      if (!pagination.has_more) break;
    }
    writing = false;
    await writer;
    expect(before.filter((id) => !seen.has(id))).toEqual([]);
  });
});

describe("keys", () => {
  test("20 racing repeats of one key are one message, in a conversation that none of them found", async () => {
    const ids = await Promise.all(upTo(20).map(() => post("k1", "k2", "once", "the key")));
    expect(new Set(ids).size).toBe(1);
    const { data, pagination } = await page("k1", "k2");
    expect([pagination.total_count, data[0]?.message_id]).toEqual([1, ids[0]]);
  });

  test("a key in quotes, as the header's draft has it, is the one without", async () => {
    const ids = [
      await post("k6", "k7", "text", "q-1"),
      await post("k6", "k7", "text", '"q-1"'),
      await post("k6", "k7", "text", String.raw`"a\"b"`),
      await post("k6", "k7", "text", 'a"b'),
    ];
    expect([ids[1], ids[3]]).toEqual([ids[0], ids[2]]);
    expect((await page("k6", "k7")).pagination.total_count).toBe(2);
    const body = { sender_id: "k6", receiver_id: "k7", content: "text" };
    expect(await server.request(PATH, { body, headers: { "idempotency-key": '""' } })).toMatchObject({
      status: 400,
    });
  });

  test("the same key with other content is 422 and stores nothing; of another sender or to another receiver it is free", async () => {
    // As curl sends it: the bytes of its UTF-8.
    const key = Buffer.from("ключ").toString("latin1");
    const first = await post("k3", "k4", "text", key);
    const body = { sender_id: "k3", receiver_id: "k4", content: "other text" };
    const reused = await server.request(PATH, { body, headers: { "idempotency-key": key } });
    expect([reused.status, reused.body]).toEqual([422, { error: expect.any(String) }]);
    const others = [await post("k4", "k3", "text", key), await post("k3", "k5", "text", key)];
    expect(new Set([first, ...others]).size).toBe(3);
    expect(await post("k3", "k4", "text", key)).toBe(first);
    expect((await page("k3", "k4")).pagination.total_count).toBe(2);
    const ann = await connect(server, { user: "k4" });
    const history = await server.request(`/api/v1/chat/${await openConversation(ann, ["k3"])}`);
    expect(history.body.messages.map((message: { message_id: string }) => message.message_id)).toEqual([
      "ключ",
      "ключ",
    ]);
    await ann.close();
  });
});

describe("read marks", () => {
  test("one message alone is marked, by its receiver or by who named nobody; not by its sender or others", async () => {
    const ids: string[] = [];
    for (const i of upTo(3)) ids.push(await post("r1", "r2", `m${i}`));
    const [first, second, third] = ids as [string, string, string];
    expect(await mark(second, "r2")).toMatchObject({ status: 200, body: { status: "read" } });
    expect(await mark(second, "r2")).toMatchObject({ status: 200, body: { status: "read" } });
    const reads = async () => (await page("r1", "r2")).data.map(({ read }) => read).toReversed();
    expect(await reads()).toEqual([false, true, false]);
    expect(await mark(first, "r1")).toMatchObject({ status: 403, body: { error: expect.any(String) } });
    expect(await mark(first, "r3")).toMatchObject({ status: 404, body: { error: expect.any(String) } });
    expect(await reads()).toEqual([false, true, false]);
    expect(await mark(third)).toMatchObject({ status: 200 });
    expect(await reads()).toEqual([false, true, true]);
    const chats = (await server.request("/api/v1/chats/r2")).body.chats;
    expect(chats).toMatchObject([{ participant: "r1", unread: 1 }]);
  });

  test("any spelling of an id is read; one that nobody made is 404, one that is none 400", async () => {
    const id = readId("message", await post("s1", "s2", "hello")) as number;
    for (const spelling of [
      String(id),
      spellPrefixed("message", id),
      spellUuid("message", id).toUpperCase(),
    ]) {
      expect((await mark(spelling, "s2")).status).toBe(200);
    }
    for (const [spelling, status] of [
      ["7644316f-c6ca-47ad-af72-4d7ce36363ba", 404],
      [spellUuid("conversation", id), 404],
      [spellUuid("message", 2 ** 52), 404],
      ["msg_abc123", 404],
      ["0", 400],
      ["-1", 400],
      ["none", 400],
      ["9".repeat(30), 400],
      [encodeURIComponent("../x"), 400],
    ] as const) {
      const answer = await mark(spelling);
      expect([answer.status, answer.body], spelling).toEqual([status, { error: expect.any(String) }]);
    }
  });

  test("a note to oneself is read by oneself", async () => {
    const [first, second] = [await post("self", "self", "buy milk"), await post("self", "self", "buy bread")];
    expect((await page("self", "self")).data).toMatchObject([
      { message_id: second, sender_id: "self", receiver_id: "self", read: false },
      { message_id: first, read: false },
    ]);
    expect((await mark(second as string, "self")).status).toBe(200);
    expect((await page("self", "self")).data.map(({ read }) => read)).toEqual([true, false]);
    expect((await mark(first as string)).status).toBe(200);
    expect((await page("self", "self")).data.map(({ read }) => read)).toEqual([true, true]);
  });
});

describe("with clients of the websocket dialect", () => {
  let ann: TestClient;
  let bob: TestClient;
  beforeAll(async () => {
    ann = await connect(server, { user: "ann" });
    bob = await connect(server, { user: "bob" });
  });

  test("what is posted is heard by both, and what they say is on the page; edits and deletions show", async () => {
    const posted = await post("ann", "bob", "posted 👋", "key-1");
    const id = spellPrefixed("message", readId("message", posted) as number);
    for (const client of [ann, bob]) {
      await expect
        .poll(() => client.frames.find(({ payload }) => payload.id === id)?.payload)
        .toMatchObject({
          sender_id: "ann",
          message_id: "key-1",
          content: "posted 👋",
        });
    }
    const conversation = await openConversation(bob, ["ann"]);
    const said = await say(bob, conversation, "said");
    expect((await page("ann", "bob")).data).toMatchObject([
      { sender_id: "bob", receiver_id: "ann", content: "said", deleted: false, edited_at: null },
      { message_id: posted, content: "posted 👋" },
    ]);
    await ann.ask("message.edit", { conversation_id: conversation, message_id: id, content: "edited" });
    await bob.ask("message.delete", { conversation_id: conversation, message_id: said.id });
    const { data, pagination } = await page("ann", "bob");
    expect(pagination.total_count).toBe(2);
    expect(data).toMatchObject([
      { content: "", deleted: true },
      { content: "edited", deleted: false, edited_at: expect.stringMatching(/Z$/), rev: expect.any(Number) },
    ]);
  });

  test("who reads there has read here, and the other way about", async () => {
    const conversation = await openConversation(bob, ["ann"]);
    const id = await post("ann", "bob", "read me");
    const read = async () => (await page("ann", "bob")).data[0]?.read;
    expect(await read()).toBe(false);
    await bob.ask("read", { conversation_id: conversation });
    expect(await read()).toBe(true);
    const next = await post("ann", "bob", "and me");
    expect((await mark(next, "bob")).status).toBe(200);
    await expect
      .poll(() => ann.frames.filter(({ event }) => event === "receipt").at(-1)?.payload)
      .toMatchObject({ user_id: "bob", read_seq: (await page("ann", "bob")).data[0]?.seq });
    expect(id).not.toBe(next);
  });

  test("groups of the same two people are no part of the page", async () => {
    const before = (await page("ann", "bob")).pagination.total_count;
    await say(ann, await openConversation(ann, ["bob"], "a group"), "in the group");
    expect((await page("ann", "bob")).pagination.total_count).toBe(before);
  });
});

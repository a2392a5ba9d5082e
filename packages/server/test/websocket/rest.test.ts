import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { connect, openConversation, say, type TestClient } from "../support/socket.ts";

let scene: Scene;
let server: ServerProcess;
let ann: TestClient;

beforeAll(async () => {
  scene = await openScene("ws_rest");
  server = await scene.start();
  ann = await connect(server, { user: "ann" });
});
afterAll(() => scene.close());

const REFUSED = { error: { code: "invalid", message: expect.any(String) } };

describe("history", () => {
  test("newest first, page by page with either kind of cursor, each message once, whatever arrives meanwhile", async () => {
    const conversation = await openConversation(ann, ["bob"], "H");
    const sent = [];
    for (let i = 0; i < 25; i++) {
      sent.push(await say(ann, conversation, `m${i}`, i % 2 === 0 ? { message_id: `own-${i}` } : {}));
    }
    const expected = sent.map((ack) => ack.id).toReversed();
    for (const kind of ["next", "own"]) {
      const seen: string[] = [];
      let cursor: string | null = "";
      while (cursor !== null) {
        const query: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
        const { body } = await server.request(`/api/v1/chat/${conversation}?limit=7${query}`);
        expect(body.messages.length).toBeLessThanOrEqual(7);
        seen.push(...body.messages.map((message: { id: string }) => message.id));
        cursor =
          body.next_cursor === null
            ? null
            : kind === "next"
              ? body.next_cursor
              : body.messages.at(-1).message_id;
        await say(ann, conversation, "newer");
      }
      expect(seen.filter((id) => expected.includes(id))).toEqual(expected);
      expect(new Set(seen).size).toBe(seen.length);
    }
  });

  test("limits: 20 by default, capped at 100, below 1 or no whole number refused", async () => {
    const conversation = await openConversation(ann, ["bob"], "L");
    await Promise.all(Array.from({ length: 103 }, (_, i) => say(ann, conversation, `m${i}`)));
    const count = async (query: string) =>
      (await server.request(`/api/v1/chat/${conversation}${query}`)).body.messages.length;
    expect(
      await Promise.all([count(""), count("?limit=100"), count("?limit=1000000000"), count("?limit=1")]),
    ).toEqual([20, 100, 100, 1]);
    for (const path of [`chat/${conversation}`, "chats/ann"]) {
      for (const limit of ["0", "-1", "1.5", "ten", "", "1e3", "NaN", "1&limit=2"]) {
        const answer = await server.request(`/api/v1/${path}?limit=${limit}`);
        expect([answer.status, answer.body], `${path} ${limit}`).toEqual([400, REFUSED]);
      }
    }
    const exact = await server.request(`/api/v1/chat/${conversation}?limit=100`);
    const rest = await server.request(
      `/api/v1/chat/${conversation}?limit=3&cursor=${exact.body.next_cursor}`,
    );
    expect(rest.body.messages).toHaveLength(3);
    expect(rest.body.next_cursor).toBeNull();
  });

  test("cursors of nobody", async () => {
    const conversation = await openConversation(ann, ["bob"], "C");
    const elsewhere = await openConversation(ann, ["bob"], "D");
    const foreign = await say(ann, elsewhere, "x");
    for (const [cursor, status] of [
      ["nobody's", 404],
      ["msg_abc456", 404],
      [foreign.id, 404],
      ["", 400],
      ["x".repeat(256), 400],
    ]) {
      const answer = await server.request(`/api/v1/chat/${conversation}?cursor=${cursor}`);
      expect(answer.status, String(cursor)).toBe(status);
      expect(answer.body.error.code).toBe(status === 404 ? "not_found" : "invalid");
    }
  });

  test("the sender reads its message right after the ack", async () => {
    const conversation = await openConversation(ann, ["bob"], "R");
    for (let i = 0; i < 30; i++) {
      const sent = await say(ann, conversation, `m${i}`);
      const page = await server.request(`/api/v1/chat/${conversation}?limit=1`);
      expect(page.body.messages[0].id).toBe(sent.id);
    }
  });
});

describe("inbox", () => {
  test("most recent first, with what the document shows and unread, page by page", async () => {
    const eve = await connect(server, { user: "eve" });
    const direct = await openConversation(eve, ["dan"]);
    const group = await openConversation(eve, ["dan", "ann"], "Trip");
    await say(eve, direct, "hi", { timestamp: 99 });
    const last = await say(eve, group, "all", { message_id: "g1" });
    const { body } = await server.request("/api/v1/chats/dan");
    expect(body).toEqual({
      chats: [
        {
          conversation_id: group,
          participant: null,
          last_message: "all",
          timestamp: last.timestamp,
          kind: "group",
          name: "Trip",
          participants: expect.arrayContaining(["eve", "dan", "ann"]),
          last_message_id: "g1",
          last_sender_id: "eve",
          unread: 1,
          seq: 2,
          muted: false,
          pinned: false,
          archived: false,
          level: "all",
        },
        expect.objectContaining({
          conversation_id: direct,
          participant: "eve",
          last_message: "hi",
          timestamp: 99,
          kind: "direct",
          unread: 1,
        }),
      ],
      next_cursor: null,
    });
    await say(eve, direct, "again");
    const order = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const page: { body: { chats: { conversation_id: string }[]; next_cursor: string | null } } =
        await server.request(`/api/v1/chats/dan?limit=1${cursor === "" ? "" : `&cursor=${cursor}`}`);
      order.push(...page.body.chats.map((chat) => chat.conversation_id));
      cursor = page.body.next_cursor;
    }
    expect(order).toEqual([direct, group]);
    expect(
      (await server.request("/api/v1/chats/eve")).body.chats.map((chat: { unread: number }) => chat.unread),
    ).toEqual([0, 0]);
    for (const cursor of ["", "x", "1-", "zzzzzzzzzzzz-1", "1-2-3", "%00"]) {
      expect((await server.request(`/api/v1/chats/dan?cursor=${cursor}`)).status, cursor).toBe(400);
    }
    expect((await server.request("/api/v1/chats/nobody-yet")).body).toEqual({ chats: [], next_cursor: null });
  });
});

describe("opening conversations", () => {
  const open = (body: unknown, headers: Record<string, string> = {}) =>
    server.request("/api/v1/chats", { body, headers });

  test("201 when made, 200 when found, the same id either way", async () => {
    const made = await open({ participants: ["user_001", "user_002"] });
    expect(made).toMatchObject({ status: 201, body: { conversation_id: expect.stringMatching(/^conv_/) } });
    expect(await open({ participants: ["user_002", "user_001"] })).toMatchObject({
      status: 200,
      body: made.body,
    });
    expect(await open({ participants: ["user_002"] }, { "x-user-id": "user_001" })).toMatchObject({
      status: 200,
      body: made.body,
    });
    const note = await open({ participants: ["user_001"] });
    expect(note.status).toBe(201);
    expect(note.body).not.toEqual(made.body);
    expect((await open({ participants: ["user_001", "user_001"] })).body).toEqual(note.body);
    const racing = await Promise.all(
      Array.from({ length: 20 }, () => open({ participants: ["race1", "race2"] })),
    );
    expect(new Set(racing.map(({ body }) => body.conversation_id)).size).toBe(1);
    expect(racing.filter(({ status }) => status === 201)).toHaveLength(1);
  });

  test("Idempotency-Key: one group however often, another content is refused, keys are each caller's own", async () => {
    const wish = { participants: ["a", "b", "c"], name: "Keyed" };
    const as = (user: string, key: string) => ({ "x-user-id": user, "idempotency-key": key });
    const racing = await Promise.all(Array.from({ length: 20 }, () => open(wish, as("a", "g-1"))));
    expect(new Set(racing.map(({ body }) => body.conversation_id)).size).toBe(1);
    expect(racing.map(({ status }) => status).toSorted()).toEqual([...Array(19).fill(200), 201]);
    expect(await open({ ...wish, name: "Other" }, as("a", "g-1"))).toMatchObject({
      status: 422,
      body: { error: { code: "key_reused" } },
    });
    const others = await open(wish, as("b", "g-1"));
    expect(others.status).toBe(201);
    expect(others.body).not.toEqual(racing[0]?.body);
    for (const key of ["", "k".repeat(256)]) expect((await open(wish, as("a", key))).status, key).toBe(400);
    expect((await open(wish, as("a", "k".repeat(255)))).status).toBe(201);
  });

  test("what is refused, in this dialect's form, with nothing made", async () => {
    const before = (await server.request("/api/v1/chats/user_009")).body.chats;
    for (const body of [
      undefined,
      "not json",
      "{",
      [],
      {},
      { participants: "user_009" },
      { participants: [] },
      { participants: [1] },
      { participants: [""] },
      { participants: ["user_009", "\u0000"] },
      { participants: ["user_009", "\ud800"] },
      { participants: ["user_009", "x".repeat(129)] },
      { participants: ["user_009", "b"], name: 1 },
      { participants: ["user_009", "b"], name: "" },
      { participants: ["user_009", "b"], name: "n".repeat(201) },
      { participants: ["user_009", ...Array.from({ length: 5_000 }, (_, i) => `u${i}`)] },
      '{"participants":["user_009","b"],"participants":["user_009"]}',
      '{"participants":["user_009","b"],"__proto__":{"x":1}}',
    ]) {
      const answer = await server.request("/api/v1/chats", {
        method: "POST",
        ...(body !== undefined && { body }),
      });
      const what = JSON.stringify(body)?.slice(0, 80);
      expect([answer.status, answer.body], what).toEqual([body === undefined ? answer.status : 400, REFUSED]);
    }
    expect((await server.request("/api/v1/chats/user_009")).body.chats).toEqual(before);
    expect((await server.request("/api/v1/chats", { method: "DELETE" })).status).toBe(405);
    expect(await server.request("/api/v1/chat")).toMatchObject({
      status: 404,
      body: { error: { code: "not_found" } },
    });
    expect((await server.request("/ws")).status).toBe(426);
    expect(
      (await server.request("/api/v1/chats", { body: { participants: ["x".repeat(2 << 20)] } })).status,
    ).toBe(413);
  });
});

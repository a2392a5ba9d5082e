import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { type Api, groupOf, openApi, type Person, personOf, say } from "./support/api.ts";

let scene: Scene;
let server: ServerProcess;
let api: Api;
let one: Person;
let two: Person;
let eve: Person;

/** A PNG of one pixel. */
const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

beforeAll(async () => {
  scene = await openScene("stomp_messages");
  server = await scene.start();
  api = await openApi(server);
  one = await personOf(server, api, "1", "John Doe");
  two = await personOf(server, api, "2", "Bob");
  eve = await personOf(server, api, "eve");
  for (const person of [one, two]) await person.put("/users/me", {});
});
afterAll(() => scene.close());

async function upload(person: Person, bytes: Buffer, type: string, name: string): Promise<string> {
  const response = await fetch(`${server.url}/api/chat/attachments`, {
    method: "POST",
    headers: { authorization: `Bearer ${person.token}`, "content-type": type, "x-file-name": name },
    body: bytes as Uint8Array<ArrayBuffer>,
  });
  return ((await response.json()) as { data: { id: string } }).data.id;
}

describe("sending", () => {
  test("every field, and the tempId to the sender alone", async () => {
    const id = await groupOf(one, [two]);
    const { status, body } = await one.post(`/conversations/${id}/messages`, {
      conversationId: id,
      content: "Hello @[2], @Bob and @nobody!",
      messageType: "TEXT",
      parentMessageId: null,
      attachmentIds: [],
      metadata: { a: [1, { b: null }] },
      tempId: "temp-123",
    });
    expect(status).toBe(201);
    const message = {
      id: expect.any(Number),
      conversationId: id,
      messageType: "TEXT",
      content: "Hello @[2], @Bob and @nobody!",
      senderId: 1,
      senderName: "John Doe",
      senderAvatarUrl: null,
      parentMessageId: null,
      parentMessage: null,
      replyCount: 0,
      isEdited: false,
      isDeleted: false,
      attachments: [],
      reactionSummary: {},
      mentions: [2],
      metadata: { a: [1, { b: null }] },
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      editedAt: null,
      deletedAt: null,
      pinnedAt: null,
      pinnedBy: null,
      seq: 2,
      rev: 2,
    };
    expect(body.data).toEqual({ ...message, tempId: "temp-123" });
    for (const person of [one, two]) {
      expect((await person.get(`/conversations/${id}/messages`)).body.data).toEqual([
        { ...message, ownReactions: [] },
      ]);
    }
  });

  test("a key stores once, in any race; its replay repeats status and body", async () => {
    const id = await groupOf(one, [two]);
    const send = (content: string, key: string) =>
      one.post(`/conversations/${id}/messages`, { content, tempId: "t" }, { "idempotency-key": key });
    const racing = await Promise.all(Array.from({ length: 10 }, () => send("once", "k")));
    expect(racing.map(({ status }) => status)).toEqual(Array(10).fill(201));
    for (const answer of racing) expect(answer.body).toEqual(racing[0]?.body);
    expect((await send("other", "k")).status).toBe(422);
    const inBody = await one.post(`/conversations/${id}/messages`, { content: "once", idempotencyKey: "k" });
    expect(inBody.body.data.id).toBe(racing[0]?.body.data.id);
    expect((await send("x", "")).status).toBe(400);
    expect((await send("x", "k".repeat(256))).status).toBe(400);
    const { data } = (await two.get(`/conversations/${id}/messages`)).body;
    expect(data.map((message: { content: string }) => message.content)).toEqual(["once"]);
  });

  test("replies carry what they answer; a thread has them oldest first, page by page", async () => {
    const id = await groupOf(one, [two]);
    const parent = await say(one, id, "the point");
    const replies = [];
    for (let i = 0; i < 5; i++)
      replies.push(await say(two, id, `reply ${i}`, { parentMessageId: parent.id }));
    expect(replies[0]).toMatchObject({
      parentMessageId: parent.id,
      parentMessage: {
        id: parent.id,
        messageType: "TEXT",
        content: "the point",
        senderId: 1,
        senderName: "John Doe",
        isDeleted: false,
      },
    });
    const seen: number[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const { body } = await one.get(
        `/messages/${parent.id}/thread?limit=2${cursor === "" ? "" : `&cursor=${cursor}`}`,
      );
      seen.push(...body.data.items.map((message: { id: number }) => message.id));
      cursor = body.data.nextCursor;
    }
    expect(seen).toEqual(replies.map((reply) => reply.id));
    const [first] = (await one.get(`/conversations/${id}/messages?limit=200`)).body.data;
    expect(first).toMatchObject({ id: parent.id, replyCount: 5 });
    await one.delete(`/messages/${parent.id}`);
    expect((await one.get(`/conversations/${id}/messages?limit=1`)).body.data[0].parentMessage).toMatchObject(
      {
        content: null,
        isDeleted: true,
      },
    );
    const answer = { content: "x", parentMessageId: parent.id };
    expect((await one.post(`/conversations/${id}/messages`, answer)).status).toBe(409);
  });

  test("files make it an IMAGE or a FILE, and are listed with their links", async () => {
    const id = await groupOf(one, [two]);
    const image = await upload(one, PNG, "image/png", "dot.png");
    const text = await upload(one, Buffer.from("plain"), "text/plain", "a.txt");
    const shown = await say(one, id, "", { attachmentIds: [image] });
    expect(shown).toMatchObject({ messageType: "IMAGE", content: "" });
    const filed = await say(one, id, "read", { attachmentIds: [text] });
    expect(filed.messageType).toBe("FILE");
    const [attachment] = shown.attachments;
    expect(attachment).toMatchObject({ id: image, fileName: "dot.png", contentType: "image/png", width: 1 });
    expect((await fetch(server.url + attachment.url)).status).toBe(200);
    const { body } = await two.get(`/conversations/${id}/attachments?limit=1`);
    expect(body.data.items.map((message: { id: number }) => message.id)).toEqual([filed.id]);
    const next = await two.get(`/conversations/${id}/attachments?limit=1&cursor=${body.data.nextCursor}`);
    expect(next.body.data).toMatchObject({ items: [{ id: shown.id }], nextCursor: null });
    const again = { content: "", attachmentIds: [image] };
    expect((await one.post(`/conversations/${id}/messages`, again)).status).toBe(409);
    expect((await two.post(`/conversations/${id}/messages`, again)).status).toBe(404);
    const none = await groupOf(one, [two], { allowFileUploads: false });
    const more = await upload(one, PNG, "image/png", "x.png");
    expect((await one.post(`/conversations/${none}/messages`, { attachmentIds: [more] })).status).toBe(403);
  });

  test("what is refused", async () => {
    const id = await groupOf(one, [two], { allowReplies: false });
    const first = await say(one, id, "x");
    const elsewhere = await say(one, await groupOf(one, []), "y");
    for (const body of [
      {},
      { content: null },
      { content: "" },
      { content: " \n" },
      { content: "a\0" },
      { content: '"\\ud800"' },
      { content: 1 },
      { content: "x".repeat(10_001) },
      { content: "x", messageType: "SYSTEM" },
      { content: "x", messageType: "text" },
      { content: "x", messageType: "LOCATION" },
      { content: "x", metadata: [] },
      { content: "x", metadata: { a: { b: { c: { d: { e: {} } } } } } },
      { content: "x", metadata: { a: "x".repeat(9_000) } },
      { content: "x", parentMessageId: "x" },
      { content: "x", parentMessageId: 0 },
      { content: "x", attachmentIds: ["x"] },
      { content: "x", attachmentIds: [1] },
      { content: "x", tempId: 5 },
      { content: "x", tempId: "t".repeat(256) },
      [],
      "null",
    ]) {
      const given =
        typeof body === "object" && "content" in body && body.content === '"\\ud800"'
          ? '{"content":"\\ud800"}'
          : body;
      const { status } = await one.post(`/conversations/${id}/messages`, given);
      expect(status, JSON.stringify(body).slice(0, 80)).toBe(400);
    }
    expect((await one.post(`/conversations/${id}/messages`)).status).toBe(400);
    const reply = (parentMessageId: number) =>
      one.post(`/conversations/${id}/messages`, { content: "x", parentMessageId });
    expect((await reply(first.id)).status).toBe(403);
    await one.put(`/conversations/${id}`, { allowReplies: true });
    expect((await reply(elsewhere.id)).status).toBe(404);
    expect((await reply(first.id)).status).toBe(201);
    expect((await one.get(`/conversations/${id}/messages`)).body.data).toHaveLength(2);
  });
});

describe("history", () => {
  test("oldest first: the newest page, before, after and around, and whether there is more", async () => {
    const id = await groupOf(one, [two]);
    const ids: number[] = [];
    for (let i = 0; i < 9; i++) ids.push((await say(one, id, `m${i}`)).id);
    const page = async (query: string) => {
      const { body } = await two.get(`/conversations/${id}/messages${query}`);
      return [
        body.data.map((message: { id: number }) => ids.indexOf(message.id)),
        body.hasMore,
        body.hasOlder,
        body.hasNewer,
      ];
    };
    expect(await page("")).toEqual([[0, 1, 2, 3, 4, 5, 6, 7, 8], false, false, false]);
    expect(await page("?limit=3")).toEqual([[6, 7, 8], true, true, false]);
    expect(await page(`?before=${ids[6]}&limit=3`)).toEqual([[3, 4, 5], true, true, true]);
    expect(await page(`?before=${ids[3]}&limit=3`)).toEqual([[0, 1, 2], false, false, true]);
    expect(await page(`?after=${ids[5]}&limit=3`)).toEqual([[6, 7, 8], false, true, false]);
    expect(await page(`?after=${ids[0]}&limit=3`)).toEqual([[1, 2, 3], true, true, true]);
    expect(await page(`?around=${ids[4]}&limit=3`)).toEqual([[3, 4, 5], true, true, true]);
    expect(await page(`?around=${ids[0]}&limit=9`)).toEqual([
      [0, 1, 2, 3, 4, 5, 6, 7, 8],
      false,
      false,
      false,
    ]);
    const other = (await say(one, await groupOf(one, [two]), "elsewhere")).id;
    for (const [query, status] of [
      [`before=${other}`, 404],
      ["before=999999999", 404],
      ["before=x", 400],
      ["before=", 400],
      [`before=${ids[1]}&after=${ids[0]}`, 400],
      ["limit=0", 400],
      ["limit=ten", 400],
      ["limit=1&limit=2", 400],
    ]) {
      expect((await two.get(`/conversations/${id}/messages?${query}`)).status, String(query)).toBe(status);
    }
    const many = await groupOf(one, []);
    await Promise.all(Array.from({ length: 203 }, (_, i) => say(one, many, `m${i}`)));
    const count = async (query: string) =>
      (await one.get(`/conversations/${many}/messages${query}`)).body.data.length;
    expect([await count(""), await count("?limit=1000")]).toEqual([50, 200]);
  });
});

describe("changing", () => {
  test("edits by the author, with a history; a tombstone has neither text nor history", async () => {
    const id = await groupOf(one, [two, eve]);
    const { id: messageId } = await say(two, id, "first", { metadata: { kept: true } });
    for (const content of ["second", "third"]) await two.put(`/messages/${messageId}`, { content });
    const edited = await two.put(`/messages/${messageId}`, { content: "last @[1]" });
    expect(edited.body.data).toMatchObject({
      content: "last @[1]",
      isEdited: true,
      editedAt: expect.any(String),
      mentions: [1],
      metadata: { kept: true },
      seq: 2,
      rev: 5,
    });
    const history = async (query = "") => (await eve.get(`/messages/${messageId}/history${query}`)).body.data;
    const all = await history();
    expect(all.items.map((text: { content: string }) => text.content)).toEqual(["first", "second", "third"]);
    const page = await history("?limit=2");
    expect((await history(`?cursor=${page.nextCursor}`)).items).toEqual(all.items.slice(2));
    for (const person of [one, eve]) {
      expect((await person.put(`/messages/${messageId}`, { content: "mine" })).status).toBe(403);
    }
    for (const body of [{}, { content: "" }, { content: null }, { content: "x".repeat(10_001) }]) {
      expect((await two.put(`/messages/${messageId}`, body)).status).toBe(400);
    }
    await two.post(`/messages/${messageId}/reactions`, { emoji: "👍" });
    expect((await eve.delete(`/messages/${messageId}`)).status).toBe(403);
    const deleted = await one.delete(`/messages/${messageId}`);
    expect(deleted.body.data).toMatchObject({
      content: null,
      isDeleted: true,
      deletedAt: expect.any(String),
      attachments: [],
      reactionSummary: {},
    });
    expect(await one.delete(`/messages/${messageId}`)).toMatchObject({ status: 200, body: deleted.body });
    expect((await history()).items).toEqual([]);
    expect((await two.put(`/messages/${messageId}`, { content: "x" })).status).toBe(409);
    for (const path of ["reactions", "reactions/toggle"]) {
      expect((await two.post(`/messages/${messageId}/${path}`, { emoji: "👍" })).status).toBe(409);
    }
  });

  test("messages that are unknown or another's are not found", async () => {
    const { id } = await say(one, await groupOf(one, []), "mine");
    const answers = await Promise.all(
      [id, 999_999_999, "msg_xyz789", "00000000-0000-4000-8000-000000000000"].flatMap((spelled) => [
        two.get(`/messages/${spelled}/thread`),
        two.get(`/messages/${spelled}/history`),
        two.put(`/messages/${spelled}`, { content: "x" }),
        two.delete(`/messages/${spelled}`),
        two.post(`/messages/${spelled}/reactions`, { emoji: "👍" }),
        two.get(`/messages/${spelled}/read-receipts`),
        two.post(`/messages/${spelled}/pin`),
      ]),
    );
    for (const { status, body } of answers) {
      expect([status, body.error]).toEqual([404, expect.stringContaining("no such message")]);
    }
    expect((await two.delete("/messages/0")).status).toBe(400);
    expect((await two.delete("/messages/x")).status).toBe(400);
  });

  test("pins: in a group by owners and admins, of two people by either", async () => {
    const id = await groupOf(one, [two]);
    const messages = [await say(two, id, "a"), await say(two, id, "b")];
    expect((await two.post(`/messages/${messages[0].id}/pin`)).status).toBe(403);
    for (const { id: messageId } of messages) {
      expect((await one.post(`/messages/${messageId}/pin`)).body.data).toMatchObject({
        pinnedAt: expect.any(String),
        pinnedBy: 1,
        isEdited: false,
      });
    }
    const pins = async () =>
      (await two.get(`/conversations/${id}/pins`)).body.data.items.map((pin: { id: number }) => pin.id);
    expect(await pins()).toEqual([messages[1].id, messages[0].id]);
    expect((await one.delete(`/messages/${messages[1].id}/pin`)).body.data.pinnedAt).toBeNull();
    expect((await one.delete(`/messages/${messages[1].id}/pin`)).status).toBe(200);
    expect(await pins()).toEqual([messages[0].id]);
    const direct = (await one.post("/conversations/direct/2")).body.data.id;
    const said = await say(one, direct, "x");
    expect((await two.post(`/messages/${said.id}/pin`)).status).toBe(200);
  });
});

describe("reactions", () => {
  test("adding is 201 and then 200; taking away, toggling, listing, counting", async () => {
    const id = await groupOf(one, [two]);
    const { id: messageId } = await say(one, id, "x");
    const shape = {
      messageId,
      conversationId: id,
      userId: 2,
      userName: "Bob",
      emoji: "👍",
      added: true,
      summary: { "👍": 1 },
    };
    const add = (person: Person, emoji: string) => person.post(`/messages/${messageId}/reactions`, { emoji });
    expect(await add(two, "👍")).toMatchObject({ status: 201, body: { data: shape } });
    expect(await add(two, ":+1:")).toMatchObject({ status: 200, body: { data: shape } });
    expect((await add(one, "❤")).body.data).toMatchObject({ emoji: "❤️", summary: { "👍": 1, "❤️": 1 } });
    await add(one, "👍");
    expect((await one.get(`/messages/${messageId}/reactions/summary`)).body.data).toEqual({
      "👍": 2,
      "❤️": 1,
    });
    const toggled = await two.post(`/messages/${messageId}/reactions/toggle`, { emoji: "👍" });
    expect(toggled).toMatchObject({ status: 200, body: { data: { added: false, summary: { "👍": 1 } } } });
    const back = await two.post(`/messages/${messageId}/reactions/toggle`, { emoji: "👍" });
    expect(back).toMatchObject({ status: 200, body: { data: { added: true, summary: { "👍": 2 } } } });
    const listed: object[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const { body } = await one.get(
        `/messages/${messageId}/reactions?limit=1${cursor === "" ? "" : `&cursor=${cursor}`}`,
      );
      listed.push(...body.data.items);
      cursor = body.data.nextCursor;
    }
    expect(listed).toMatchObject([
      { userId: 1, userName: "John Doe", emoji: "❤️", createdAt: expect.any(String) },
      { userId: 1, emoji: "👍" },
      { userId: 2, emoji: "👍" },
    ]);
    const remove = () => two.delete(`/messages/${messageId}/reactions/${encodeURIComponent("👍")}`);
    expect(await remove()).toMatchObject({
      status: 200,
      body: { data: { added: false, summary: { "👍": 1 } } },
    });
    expect((await remove()).status).toBe(200);
    for (const emoji of ["", "a", "👍👍", ":nothing:", 1, null]) {
      expect((await add(two, emoji as string)).status, String(emoji)).toBe(400);
    }
    expect((await two.delete(`/messages/${messageId}/reactions/x`)).status).toBe(400);
    await one.put(`/conversations/${id}`, { allowReactions: false });
    expect((await add(two, "🎉")).status).toBe(403);
  });
});

describe("reading", () => {
  test("unread and mentions, up to a message and all, receipts, and unread again", async () => {
    const id = await groupOf(one, [two, eve]);
    const messages = [await say(one, id, "a"), await say(one, id, "b @[2]"), await say(one, id, "c")];
    const entry = async () => {
      const { conversations } = (await two.get("/conversations/unread")).body.data;
      return conversations.find((unread: { conversationId: number }) => unread.conversationId === id);
    };
    expect(await entry()).toEqual({ conversationId: id, unreadCount: 3, unreadMentions: 1 });
    const upTo = await two.post(`/conversations/${id}/read`, { lastReadMessageId: messages[1].id });
    expect(upTo).toMatchObject({
      status: 200,
      body: { data: { conversationId: id, unreadCount: 1, unreadMentions: 0 } },
    });
    const receipts = async (messageId: number) =>
      (await one.get(`/messages/${messageId}/read-receipts`)).body.data.items;
    expect(await receipts(messages[1].id)).toEqual([
      { userId: 2, userName: "Bob", readAt: expect.any(String) },
    ]);
    expect(await receipts(messages[2].id)).toEqual([]);
    expect((await two.post(`/conversations/${id}/read`)).body.data.unreadCount).toBe(0);
    expect((await eve.post(`/conversations/${id}/read`, {})).body.data.unreadCount).toBe(0);
    const page = (await one.get(`/messages/${messages[2].id}/read-receipts?limit=1`)).body.data;
    const rest = await one.get(`/messages/${messages[2].id}/read-receipts?cursor=${page.nextCursor}`);
    expect([...page.items, ...rest.body.data.items].map(({ userId }) => userId)).toEqual([2, "eve"]);
    expect(await entry()).toBeUndefined();
    const back = await two.put(`/conversations/${id}/unread`, { messageId: messages[1].id });
    expect(back.body.data).toEqual({ conversationId: id, unreadCount: 2, unreadMentions: 1 });
    expect(await receipts(messages[2].id)).toHaveLength(2);
    const listed = (await one.get(`/conversations/${id}`)).body.data.participants;
    expect(listed.map((person: { lastReadMessageId: unknown }) => person.lastReadMessageId)).toContain(
      messages[2].id,
    );
    const elsewhere = await say(one, await groupOf(one, [two]), "y");
    for (const [lastReadMessageId, status] of [
      [elsewhere.id, 404],
      ["x", 400],
      [true, 400],
    ]) {
      expect((await two.post(`/conversations/${id}/read`, { lastReadMessageId })).status).toBe(status);
    }
    expect((await two.put(`/conversations/${id}/unread`, {})).status).toBe(400);
    expect((await two.put(`/conversations/${id}/unread`, { messageId: elsewhere.id })).status).toBe(404);
  });
});

describe("search", () => {
  test("by words, in one conversation and in all of one's own, page by page", async () => {
    const mine = await groupOf(one, [two]);
    const others = await groupOf(one, [eve]);
    const said = [
      await say(one, mine, "the Zürich plan"),
      await say(two, mine, "plan for ZURICH, part two"),
      await say(one, others, "zurich, secretly"),
    ].map((message) => message.id);
    const found = async (person: Person, path: string) => {
      const { body } = await person.get(path);
      return body.data.items.map((message: { id: number }) => said.indexOf(message.id));
    };
    await expect.poll(() => found(one, "/search?query=zurich"), { timeout: 10_000 }).toEqual([2, 1, 0]);
    expect(await found(two, "/search?query=zurich")).toEqual([1, 0]);
    expect(await found(two, `/conversations/${mine}/messages/search?query=zurich%20plan`)).toEqual([1, 0]);
    expect(await found(two, '/search?query="zurich%20plan"')).toEqual([0]);
    expect(await found(two, "/search?query=")).toEqual([]);
    const { nextCursor } = (await one.get("/search?query=zur&limit=2")).body.data;
    expect(await found(one, `/search?query=zur&limit=2&cursor=${nextCursor}`)).toEqual([0]);
    await one.delete(`/messages/${said[0]}`);
    expect(await found(two, "/search?query=zurich")).toEqual([1]);
    for (const query of [
      "",
      `?query=${"x".repeat(201)}`,
      "?query=%00",
      "?query=x&cursor=x",
      "?query=x&limit=0",
    ]) {
      expect((await one.get(`/search${query}`)).status, query).toBe(400);
      expect((await one.get(`/conversations/${mine}/messages/search${query}`)).status, query).toBe(400);
    }
    // What is quoted or escaped for a database is only a text here.
    for (const text of ["' or 1=1 --", "%", "_", "(a+)+$", "& ! : *"]) {
      const { status, body } = await two.get(`/search?query=${encodeURIComponent(text)}`);
      expect(status, text).toBe(200);
      for (const { conversationId } of body.data.items) expect(conversationId).not.toBe(others);
    }
  });
});

test("a removal against sends: what was answered 201 is stored, and nothing else", async () => {
  const id = await groupOf(one, [two]);
  let isRemoved = false;
  const stored: number[] = [];
  let refused = 0;
  const sending = Array.from({ length: 4 }, async (_, worker) => {
    for (let i = 0; i < 200 && refused < 8; i++) {
      const wasRemoved = isRemoved;
      const answer = await two.post(`/conversations/${id}/messages`, { content: `m${worker}-${i}` });
      if (answer.status === 201) {
        expect(wasRemoved).toBe(false);
        stored.push(answer.body.data.id);
      } else {
        expect(answer.status).toBe(403);
        refused++;
      }
    }
  });
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect((await one.delete(`/conversations/${id}/participants/2`)).status).toBe(200);
  isRemoved = true;
  await Promise.all(sending);
  expect(refused).toBeGreaterThanOrEqual(8);
  const kept: number[] = [];
  for (let before = ""; ; ) {
    const { body } = await one.get(`/conversations/${id}/messages?limit=200${before}`);
    const said = body.data.filter((message: { messageType: string }) => message.messageType !== "SYSTEM");
    kept.unshift(...said.map((message: { id: number }) => message.id));
    if (!body.hasMore) break;
    before = `&before=${body.data[0].id}`;
  }
  expect(kept.toSorted((a, b) => a - b)).toEqual(stored.toSorted((a, b) => a - b));
});

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { type Api, groupOf, openApi, type Person, personOf, say } from "./support/api.ts";

let scene: Scene;
let server: ServerProcess;
let api: Api;
let one: Person;
let two: Person;
let ann: Person;

beforeAll(async () => {
  scene = await openScene("stomp_conversations");
  server = await scene.start();
  api = await openApi(server);
  one = await personOf(server, api, "1", "John Doe");
  two = await personOf(server, api, "2", "Bob");
  ann = await personOf(server, api, "ann", "Ann");
});
afterAll(() => scene.close());

describe("making", () => {
  test("a group as the document makes it: numbers for decimal ids, texts for others, the caller owns it", async () => {
    const { status, body } = await one.post("/conversations", {
      name: "Project Team",
      description: "Discussion for Project X",
      participantIds: [2, "3", "ann"],
      allowReactions: true,
      allowReplies: false,
      maxFileSizeMb: 5,
      allowedFileTypes: ["image/*"],
    });
    expect(status).toBe(201);
    expect(body.data).toMatchObject({
      id: expect.any(Number),
      type: "GROUP",
      name: "Project Team",
      description: "Discussion for Project X",
      avatarUrl: null,
      createdBy: 1,
      lastMessage: null,
      lastMessageAt: null,
      unreadCount: 0,
      unreadMentions: 0,
      participantCount: 4,
      muted: false,
      pinned: false,
      archived: false,
      notificationLevel: "all",
      allowReactions: true,
      allowReplies: false,
      allowFileUploads: true,
      maxFileSizeMb: 5,
      allowedFileTypes: ["image/*"],
      historyVisible: true,
      seq: 1,
    });
    expect(body.data.createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(
      body.data.participants.map((participant: { userId: unknown; role: string }) => [
        participant.userId,
        participant.role,
      ]),
    ).toEqual(
      expect.arrayContaining([
        [1, "OWNER"],
        [2, "MEMBER"],
        [3, "MEMBER"],
        ["ann", "MEMBER"],
      ]),
    );
    expect(body.data.participants[0]).toMatchObject({ online: false, lastReadMessageId: null });
    const again = await one.post("/conversations", { name: "Project Team", userIds: [2] });
    expect([again.status, again.body.data.participantCount]).toEqual([201, 2]);
    expect(again.body.data.id).not.toBe(body.data.id);
  });

  test("a key makes one group, and is answered alike each time; with other content it is refused", async () => {
    const make = (name: string) =>
      one.post("/conversations", { name, participantIds: [2] }, { "idempotency-key": "make-1" });
    const racing = await Promise.all(Array.from({ length: 10 }, () => make("Once")));
    expect(racing.map(({ status }) => status)).toEqual(Array(10).fill(201));
    expect(new Set(racing.map(({ body }) => body.data.id)).size).toBe(1);
    expect((await make("Twice")).status).toBe(422);
  });

  test("a direct conversation: made once, however many ask at once", async () => {
    const racing = await Promise.all([
      ...Array.from({ length: 5 }, () => one.post("/conversations/direct/ann")),
      ...Array.from({ length: 5 }, () => ann.post("/conversations/direct/1")),
    ]);
    expect(racing.map(({ status }) => status).toSorted()).toEqual([...Array(9).fill(200), 201]);
    expect(new Set(racing.map(({ body }) => body.data.id)).size).toBe(1);
    expect(racing[0]?.body.data).toMatchObject({
      type: "DIRECT",
      name: null,
      participantCount: 2,
      participants: [{ role: "MEMBER" }, { role: "MEMBER" }],
    });
    const note = await one.post("/conversations/direct/1");
    expect([note.status, note.body.data.participantCount]).toEqual([201, 1]);
  });

  test("what is refused", async () => {
    for (const body of [
      [],
      { name: 1 },
      { name: "" },
      { name: "x".repeat(201) },
      { name: "x\0" },
      { name: "g", participantIds: "2" },
      { name: "g", participantIds: [1.5] },
      { name: "g", participantIds: [""] },
      { name: "g", participantIds: [-1.5] },
      { name: "g", participantIds: ["x".repeat(129)] },
      { name: "g", userIds: [null] },
      { name: "g", allowReplies: "yes" },
      { name: "g", maxFileSizeMb: 0 },
      { name: "g", allowedFileTypes: ["png"] },
      "{",
      '{"name":"g","name":"h"}',
    ]) {
      expect((await one.post("/conversations", body)).status, JSON.stringify(body)).toBe(400);
    }
    expect((await one.post("/conversations", undefined)).status).toBe(400);
    expect((await one.post("/conversations", "name=g", { "content-type": "text/plain" })).status).toBe(415);
    expect((await one.post("/conversations", { name: "x".repeat(2 << 20) })).status).toBe(413);
    expect((await one.post("/conversations/direct/%00")).status).toBe(400);
  });
});

describe("lists", () => {
  test("most recent first, page by page; pinned and archived ones; groups by name; what is unread", async () => {
    const [eve, dan] = [await personOf(server, api, "eve"), await personOf(server, api, "dan")];
    const ids: number[] = [];
    for (const name of ["Alpha", "Béta", "gamma"]) ids.push(await groupOf(dan, [eve], { name }));
    for (const id of ids) await say(dan, id, `in ${id}`);
    const list = async (query: string) => {
      const { body } = await eve.get(`/conversations${query}`);
      return body.data.items.map((item: { id: number }) => item.id);
    };
    expect(await list("")).toEqual(ids.toReversed());
    const seen: number[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const { body } = await eve.get(`/conversations?limit=1${cursor === "" ? "" : `&cursor=${cursor}`}`);
      seen.push(...body.data.items.map((item: { id: number }) => item.id));
      cursor = body.data.nextCursor;
    }
    expect(seen).toEqual(ids.toReversed());
    expect((await eve.get("/conversations")).body.data.items[0]).toMatchObject({
      unreadCount: 1,
      lastMessage: { content: `in ${ids[2]}`, senderId: "dan" },
      lastMessageAt: expect.any(String),
    });
    expect((await eve.get("/conversations/unread")).body.data).toEqual({
      total: 3,
      conversations: expect.arrayContaining(
        ids.map((conversationId) => ({ conversationId, unreadCount: 1, unreadMentions: 0 })),
      ),
    });
    const pinned = await eve.put(`/conversations/${ids[0]}/pin?pinned=true`);
    expect(pinned.body.data).toMatchObject({ id: ids[0], pinned: true });
    expect(await list("/pinned")).toEqual([ids[0]]);
    expect((await dan.get("/conversations/pinned")).body.data).toEqual({ items: [], nextCursor: null });
    await eve.put(`/conversations/${ids[1]}/archive?archived=true`);
    expect(await list("")).toEqual([ids[2], ids[0]]);
    expect(await list("?archived=true")).toEqual([ids[1]]);
    expect(await list("/search?query=beta")).toEqual([ids[1]]);
    await say(dan, ids[1] as number, "back");
    expect(await list("")).toEqual([ids[1], ids[2], ids[0]]);
    expect(await list("/search?query=mma")).toEqual([ids[2]]);
    expect(await list("/search?query=nothing")).toEqual([]);
  });

  test("bad limits and cursors", async () => {
    for (const path of ["/conversations", "/conversations/pinned", "/conversations/search?query=x"]) {
      const query = path.includes("?") ? "&" : "?";
      for (const bad of [
        "limit=0",
        "limit=-1",
        "limit=1.5",
        "limit=x",
        "cursor=x",
        "cursor=",
        `cursor=${Buffer.from('["a",1]').toString("base64url")}`,
        `cursor=${Buffer.from("[1,1e300]").toString("base64url")}`,
      ]) {
        expect((await one.get(`${path}${query}${bad}`)).status, bad).toBe(400);
      }
      expect((await one.get(`${path}${query}limit=100000`)).status).toBe(200);
    }
    expect((await one.get("/conversations/search")).status).toBe(400);
    expect((await one.get("/conversations?archived=maybe")).status).toBe(400);
  });
});

describe("changing", () => {
  test("name and settings by owners and admins; what is not named stays", async () => {
    const id = await groupOf(one, [two], { description: "kept", allowReplies: false });
    const { status, body } = await one.put(`/conversations/${id}`, { name: "New", historyVisible: false });
    expect(status).toBe(200);
    expect(body.data).toMatchObject({
      name: "New",
      description: "kept",
      historyVisible: false,
      allowReplies: false,
      // The change, and the message that tells of it.
      seq: 3,
    });
    expect(body.data.updatedAt > body.data.createdAt).toBe(true);
    expect(body.data.lastMessage).toBeNull();
    expect((await two.put(`/conversations/${id}`, { name: "Mine" })).status).toBe(403);
    expect((await one.put(`/conversations/${id}/participants/2`, { role: "KING" })).body.error).toBe(
      "body.role must be one of OWNER, ADMIN, MEMBER",
    );
    await one.put(`/conversations/${id}/participants/2`, { role: "ADMIN" });
    expect((await two.put(`/conversations/${id}`, { name: "Mine" })).body.data.name).toBe("Mine");
    expect((await one.put(`/conversations/${id}`, {})).status).toBe(400);
    expect((await one.put(`/conversations/${id}`, { description: null })).body.data.description).toBeNull();
    const direct = (await one.post("/conversations/direct/2")).body.data.id;
    expect((await one.put(`/conversations/${direct}`, { name: "x" })).status).toBe(409);
    expect((await one.post(`/conversations/${direct}/participants`, { userIds: [9] })).status).toBe(409);
  });

  test("leaving and deleting", async () => {
    const id = await groupOf(one, [two, ann]);
    expect((await one.delete(`/conversations/${id}`)).status).toBe(409);
    expect(await two.delete(`/conversations/${id}`)).toMatchObject({
      status: 200,
      body: { success: true, data: null, error: null },
    });
    expect((await two.get(`/conversations/${id}`)).status).toBe(403);
    expect((await ann.delete(`/conversations/${id}?forEveryone=true`)).status).toBe(403);
    expect((await one.delete(`/conversations/${id}?forEveryone=true`)).status).toBe(200);
    for (const person of [one, ann]) {
      expect(await person.get(`/conversations/${id}`)).toMatchObject({
        status: 403,
        body: { error: "You are not a participant in this conversation" },
      });
    }
    const alone = await groupOf(one, []);
    expect((await one.delete(`/conversations/${alone}`)).status).toBe(200);
  });

  test("who leaves a direct conversation has it back with the next message", async () => {
    const direct = (await one.post("/conversations/direct/2")).body.data.id;
    await one.delete(`/conversations/${direct}`);
    const listed = async () =>
      (await one.get("/conversations?limit=200")).body.data.items.some(
        (item: { id: number }) => item.id === direct,
      );
    expect(await listed()).toBe(false);
    await say(two, direct, "come back");
    expect(await listed()).toBe(true);
  });

  test("unknown, foreign and malformed ids", async () => {
    const id = await groupOf(one, []);
    const sentence = { success: false, error: "You are not a participant in this conversation", data: null };
    for (const spelled of [id, 9007199254740991, "conv_abc123", "00000000-0000-4000-8000-000000000000"]) {
      const { status, body } = await two.get(`/conversations/${spelled}`);
      expect([status, body], String(spelled)).toEqual([403, sentence]);
    }
    for (const spelled of ["0", "-1", "x", "9007199254740992", "1.5", "%00", "%ED%A0%80"]) {
      expect((await two.get(`/conversations/${spelled}`)).status, spelled).toBe(400);
    }
    expect((await one.get("/nothing")).status).toBe(404);
    expect((await one.post("/conversations/unread")).status).toBe(405);
  });
});

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { connect } from "../support/socket.ts";
import { type Api, groupOf, openApi, type Person, personOf, say } from "./support/api.ts";

let scene: Scene;
let server: ServerProcess;
let api: Api;
let one: Person;
let two: Person;
let three: Person;

beforeAll(async () => {
  scene = await openScene("stomp_people");
  server = await scene.start();
  api = await openApi(server);
  one = await personOf(server, api, "1", "John Doe");
  two = await personOf(server, api, "2", "Bob");
  three = await personOf(server, api, "3");
  for (const person of [one, two, three]) await person.put("/users/me", {});
});
afterAll(() => scene.close());

describe("participants", () => {
  const rolesIn = async (person: Person, id: number) =>
    (await person.get(`/conversations/${id}/participants`)).body.data.items.map(
      (participant: { userId: unknown; role: string }) => `${participant.userId} ${participant.role}`,
    );

  test("adding: 201 with the conversation; who is in it already is skipped", async () => {
    const id = await groupOf(one, [two]);
    const added = await one.post(`/conversations/${id}/participants`, { userIds: [2, 3, "ann"] });
    expect(added).toMatchObject({ status: 201, body: { data: { id, participantCount: 4, seq: 3 } } });
    const again = await one.post(`/conversations/${id}/participants`, { participantIds: [3] });
    expect(again).toMatchObject({ status: 201, body: { data: { participantCount: 4, seq: 3 } } });
    expect((await two.post(`/conversations/${id}/participants`, { userIds: [9] })).status).toBe(403);
    for (const body of [{}, { userIds: [] }, { userIds: [{}] }, { userIds: 3 }, []]) {
      expect((await one.post(`/conversations/${id}/participants`, body)).status).toBe(400);
    }
    const seen: string[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const { body } = await three.get(
        `/conversations/${id}/participants?limit=3${cursor === "" ? "" : `&cursor=${cursor}`}`,
      );
      seen.push(...body.data.items.map((participant: { userId: unknown }) => participant.userId));
      cursor = body.data.nextCursor;
    }
    expect(seen).toEqual([1, 2, 3, "ann"]);
  });

  test("removing and roles, by the document's table", async () => {
    const id = await groupOf(one, [two, three], {});
    const role = (by: Person, userId: number, wished: string) =>
      by.put(`/conversations/${id}/participants/${userId}`, { role: wished });
    const remove = (by: Person, userId: number | string) =>
      by.delete(`/conversations/${id}/participants/${userId}`);
    expect((await role(two, 2, "ADMIN")).status).toBe(403);
    expect((await role(one, 2, "ADMIN")).status).toBe(200);
    expect((await role(two, 3, "ADMIN")).status).toBe(403);
    expect((await remove(three, 2)).status).toBe(403);
    expect((await remove(two, 1)).status).toBe(403);
    expect((await remove(two, "nobody")).status).toBe(404);
    expect(await remove(two, 3)).toMatchObject({ status: 200, body: { data: null } });
    expect((await three.get(`/conversations/${id}/messages`)).status).toBe(403);
    expect((await role(one, 3, "MEMBER")).status).toBe(404);
    expect((await role(one, 2, "KING")).status).toBe(400);
    // Handing it over: another owner, then one's own leaving.
    expect((await remove(one, 1)).status).toBe(409);
    expect((await role(one, 1, "MEMBER")).status).toBe(409);
    expect((await role(one, 2, "OWNER")).status).toBe(200);
    expect(await rolesIn(two, id)).toEqual(["1 OWNER", "2 OWNER"]);
    expect((await remove(one, 1)).status).toBe(200);
    expect(await rolesIn(two, id)).toEqual(["2 OWNER"]);
    await two.post(`/conversations/${id}/participants`, { userIds: [3] });
    expect(await rolesIn(three, id)).toEqual(["2 OWNER", "3 MEMBER"]);
  });

  test("of two owners who leave at once one stays", async () => {
    for (let i = 0; i < 5; i++) {
      const id = await groupOf(one, [two, three]);
      await one.put(`/conversations/${id}/participants/2`, { role: "OWNER" });
      const left = await Promise.all([
        one.delete(`/conversations/${id}`),
        two.delete(`/conversations/${id}`),
      ]);
      expect(left.map(({ status }) => status).toSorted()).toEqual([200, 409]);
      expect((await rolesIn(three, id)).filter((role: string) => role.endsWith("OWNER"))).toHaveLength(1);
    }
  });

  test("who joins later sees what was said before only where history is visible", async () => {
    for (const historyVisible of [true, false]) {
      const id = await groupOf(one, [two], { historyVisible });
      const before = await say(one, id, "before");
      await one.post(`/conversations/${id}/participants`, { userIds: [3] });
      await say(one, id, "after", { parentMessageId: before.id });
      const { data } = (await three.get(`/conversations/${id}/messages`)).body;
      expect(data.map((message: { content: string }) => message.content)).toEqual([
        ...(historyVisible ? ["before"] : []),
        "John Doe added 3",
        "after",
      ]);
      expect((await three.get(`/messages/${before.id}/thread`)).status).toBe(historyVisible ? 200 : 404);
      expect(data.at(-1).parentMessage === null).toBe(!historyVisible);
    }
  });
});

test("how a conversation is kept is each one's own", async () => {
  const id = await groupOf(one, [two]);
  for (const [path, shown] of [
    ["mute?muted=true", { muted: true }],
    ["pin?pinned=true", { muted: true, pinned: true }],
    ["archive?archived=true", { pinned: true, archived: true }],
    ["notifications?level=mentions", { archived: true, notificationLevel: "mentions" }],
    ["mute?muted=false", { muted: false, pinned: true }],
    ["archive?archived=false", { archived: false }],
  ] as const) {
    expect(await one.put(`/conversations/${id}/${path}`)).toMatchObject({
      status: 200,
      body: { data: shown },
    });
  }
  expect((await two.get(`/conversations/${id}`)).body.data).toMatchObject({
    muted: false,
    pinned: false,
    notificationLevel: "all",
    seq: 1,
  });
  for (const path of [
    "mute",
    "mute?muted=1",
    "pin?muted=true",
    "archive?archived=",
    "notifications?level=x",
  ]) {
    expect((await one.put(`/conversations/${id}/${path}`)).status, path).toBe(400);
  }
});

describe("users", () => {
  test("the directory by name, whatever its case and accents, page by page", async () => {
    for (const [id, name] of [
      ["z1", "Zoë"],
      ["z2", "zoe B"],
      ["z3", "ZOÉ C"],
    ] as const) {
      await (await personOf(server, api, id, name)).put("/users/me", {});
    }
    const seen: unknown[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const { body } = await one.get(`/users?query=zoe&limit=2${cursor === "" ? "" : `&cursor=${cursor}`}`);
      seen.push(...body.data.items);
      cursor = body.data.nextCursor;
    }
    expect(seen).toEqual([
      { userId: "z1", userName: "Zoë", avatarUrl: null, isBot: false },
      { userId: "z2", userName: "zoe B", avatarUrl: null, isBot: false },
      { userId: "z3", userName: "ZOÉ C", avatarUrl: null, isBot: false },
    ]);
    expect((await one.get("/users?query=zzz")).body.data.items).toEqual([]);
    expect((await one.get("/users")).body.data.items.length).toBeGreaterThan(5);
    expect((await one.get("/users?query=%00")).status).toBe(400);
    expect((await one.get("/users?cursor=x")).status).toBe(400);
  });

  test("one's own name and picture, in messages too", async () => {
    const avatarUrl = "https://example.org/p.png";
    const { body } = await three.put("/users/me", { name: "Own", avatarUrl });
    expect(body.data).toEqual({ userId: 3, userName: "Own", avatarUrl, isBot: false });
    const id = await groupOf(three, [one]);
    expect(await say(three, id, "x")).toMatchObject({ senderName: "Own", senderAvatarUrl: avatarUrl });
    expect((await one.get(`/conversations/${id}`)).body.data).toMatchObject({
      lastMessage: { senderAvatarUrl: avatarUrl },
      participants: [{ userId: 1 }, { userId: 3, userName: "Own", avatarUrl }],
    });
    for (const wrong of [
      { name: "" },
      { name: 1 },
      { name: "x".repeat(129) },
      { avatarUrl: 5 },
      { avatarUrl: "javascript:alert(1)" },
      { avatarUrl: " java\nscript:alert(1)" },
      { avatarUrl: "data:text/html,x" },
      [],
    ]) {
      expect((await three.put("/users/me", wrong)).status).toBe(400);
    }
  });

  test("a block ends direct messages and presence between the two, until it is ended", async () => {
    const [ann, bob] = [await personOf(server, api, "ann"), await personOf(server, api, "bob", "Bob B")];
    const direct = (await ann.post("/conversations/direct/bob")).body.data.id;
    expect((await ann.post("/users/bob/block")).body.data).toEqual({ userId: "bob", blocked: true });
    expect((await ann.post("/users/bob/block")).status).toBe(200);
    for (const person of [ann, bob]) {
      expect((await person.post(`/conversations/${direct}/messages`, { content: "x" })).status).toBe(403);
    }
    expect((await ann.get(`/conversations/${direct}`)).body.data.blocked).toBe(true);
    expect((await bob.get(`/conversations/${direct}`)).body.data.blocked).toBe(false);
    expect((await ann.get("/users/blocked")).body.data.items).toMatchObject([
      { userId: "bob", blockedAt: expect.any(String) },
    ]);
    expect((await bob.get("/users/blocked")).body.data.items).toEqual([]);
    expect((await ann.delete("/users/bob/block")).body.data).toEqual({ userId: "bob", blocked: false });
    expect((await bob.post(`/conversations/${direct}/messages`, { content: "x" })).status).toBe(201);
    expect((await ann.post("/users/ann/block")).status).toBe(400);
    await ann.post("/users/cyd/block");
    expect((await ann.post("/conversations/direct/cyd")).status).toBe(403);
  });
});

describe("presence", () => {
  test("who is here of those one knows, by pages; not oneself, nor who hides or is blocked", async () => {
    const people = await Promise.all(
      ["me", "a", "b", "hides", "blocks", "away", "stranger"].map((id) =>
        personOf(server, api, `online-${id}`),
      ),
    );
    const [me, , , hides, blocks, away] = people as [Person, Person, Person, Person, Person, Person];
    await groupOf(me, people.slice(1, -1));
    const sockets = await Promise.all(
      people.filter((person) => person !== away).map(({ token }) => connect(server, { token })),
    );
    await hides.put("/presence/status", { status: "OFFLINE" });
    expect((await blocks.post("/users/online-me/block")).status).toBe(200);
    const page = async (query: string) => (await me.get(`/presence${query}`)).body.data;
    const { items, nextCursor } = await page("?limit=1");
    expect(items).toMatchObject([{ userId: "online-a", online: true, status: "ONLINE", deviceType: null }]);
    const rest = await page(`?cursor=${nextCursor}`);
    expect(rest).toMatchObject({ items: [{ userId: "online-b" }], nextCursor: null });
    expect((await people.at(-1)?.get("/presence"))?.body.data).toEqual({ items: [], nextCursor: null });
    expect((await me.get("/presence?cursor=x")).status).toBe(400);
    for (const socket of sockets) socket.close();
  });

  test("of those one shares a conversation with, in the order asked; strangers read as OFFLINE", async () => {
    await groupOf(one, [two]);
    const socket = await connect(server, { token: two.token });
    const offline = { online: false, status: "OFFLINE" };
    const ask = (person: Person, userIds: unknown) => person.post("/presence/users", { userIds });
    expect((await ask(one, ["nobody", 2, "2", 1])).body.data.items).toMatchObject([
      { userId: "nobody", userName: null, ...offline },
      { userId: 2, userName: "Bob", online: true, status: "ONLINE", lastSeenAt: null, deviceType: null },
      { userId: 2, online: true },
      { userId: 1, ...offline },
    ]);
    const online = async (person: Person) => {
      const { body } = await person.get("/presence?limit=1");
      return body.data.items.map((item: { userId: unknown }) => item.userId);
    };
    const stranger = await personOf(server, api, "stranger");
    expect([await online(one), await online(two), await online(stranger)]).toEqual([[2], [], []]);
    expect((await one.get("/presence?cursor=x")).status).toBe(400);
    expect((await stranger.get("/presence/2")).body.data).toMatchObject({ userId: 2, ...offline });
    expect((await one.get("/presence/2")).body.data).toMatchObject({ userId: 2, online: true });
    expect((await two.put("/presence/status", { status: "DND" })).body.data).toMatchObject({
      online: true,
      status: "DND",
    });
    expect((await one.get("/presence/2")).body.data.status).toBe("DND");
    const { participants } = (await one.get("/conversations?limit=1")).body.data.items[0];
    expect(participants.map((person: { online: boolean }) => person.online)).toEqual([false, true]);
    await two.put("/presence/status", { status: "OFFLINE" });
    expect((await one.get("/presence/2")).body.data).toMatchObject(offline);
    for (const userIds of [undefined, 2, [null], Array(201).fill(1)]) {
      expect((await ask(one, userIds)).status).toBe(400);
    }
    for (const status of ["online", "BUSY", null]) {
      expect((await one.put("/presence/status", { status })).status).toBe(400);
    }
    await socket.close();
  });
});

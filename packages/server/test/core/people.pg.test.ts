import { afterAll, beforeAll, expect, test } from "vitest";
import type { Door } from "../../src/core/door.ts";
import { asUser, openDoor } from "../support/door.ts";
import { hear } from "../support/heard.ts";
import { startNode, upTo, type WritingNode } from "../support/node.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/postgres.ts";

let database: TestDatabase;
let node: WritingNode;
let door: Door;

beforeAll(async () => {
  database = await createMigratedDatabase("people");
  node = await startNode(database.connection);
  door = openDoor(node);
});
afterAll(async () => {
  await node.close();
  await database.drop();
});

const named = (userId: string, name: string) => ({ ...asUser(userId), name });
const operator = { ...asUser("x"), userId: null, rights: "operator" as const };
const inbox = async (userId: string, list?: "active" | "archived" | "pinned" | "all", name?: string) => {
  const page = await door.answer(asUser(userId), {
    type: "read-inbox",
    userId,
    limit: 50,
    after: null,
    ...(list !== undefined && { list }),
    ...(name !== undefined && { named: name }),
  });
  return page.entries.map((entry) => entry.head.conversation.id);
};
const send = (conversationId: number, senderId: string) =>
  node.send({ conversationId, senderId, content: "x" });
/** A signed-in user is one who has come by once. */
const arrive = (userId: string, name: string | null) =>
  door.execute({ ...asUser(userId), name }, { type: "set-profile" });

test("what somebody prefers of a conversation is theirs alone, and takes no tick", async () => {
  const conversationId = await node.open(["ann", "bob"]);
  const heard = await hear(node, "user:ann", "user:bob", `conversation:${conversationId}`);
  const set = (wish: object) =>
    door.execute(asUser("ann"), { type: "set-preferences", conversationId, ...wish });
  expect(await set({ muted: true, level: "mentions" })).toEqual({
    muted: true,
    pinned: false,
    archived: false,
    level: "mentions",
  });
  expect(await set({ pinned: true })).toMatchObject({ muted: true, pinned: true, level: "mentions" });
  expect(heard).toMatchObject([
    { kind: "personal", userId: "ann", signal: { type: "entry", entry: { muted: true, pinned: false } } },
    { kind: "personal", userId: "ann", signal: { type: "entry", entry: { muted: true, pinned: true } } },
  ]);
  const entryOf = async (userId: string) =>
    (await door.answer(asUser(userId), { type: "read-entries", conversationIds: [conversationId] }))[0];
  expect(await entryOf("ann")).toMatchObject({ muted: true, pinned: true, level: "mentions", hidden: false });
  expect(await entryOf("bob")).toMatchObject({ muted: false, pinned: false, level: "all" });
  expect((await entryOf("bob"))?.head.conversation.clock).toBe(1);
  await expect(set({})).rejects.toMatchObject({ code: "invalid" });
  await expect(set({ level: "some" })).rejects.toMatchObject({ code: "invalid" });
  await expect(
    door.execute(asUser("eve"), { type: "set-preferences", conversationId, muted: true }),
  ).rejects.toMatchObject({ code: "not_participant" });
});

test("they are told again on a resume from before they were set", async () => {
  const conversationId = await node.open(["pat", "bob"]);
  const before = Date.now() - 1_000;
  await door.execute(asUser("pat"), { type: "set-preferences", conversationId, pinned: true });
  const marks = await node.store.ticks.marksSince("pat", before, 100);
  expect(marks.map((mark) => mark.conversationId)).toEqual([conversationId]);
});

test("lists: active ones, archived ones until the next message, pinned ones, groups by name", async () => {
  const [a, b, c] = [
    await node.open(["lu", "bob"]),
    await node.open(["lu", "bob"]),
    await node.open(["lu", "bob"]),
  ];
  const set = (conversationId: number, wish: object) =>
    door.execute(asUser("lu"), { type: "set-preferences", conversationId, ...wish });
  await set(a, { archived: true });
  await set(b, { pinned: true });
  await node.change({ kind: "settings", conversationId: c, by: "lu", name: "Équipe Zürich" });
  expect(await inbox("lu")).toEqual([c, b]);
  expect(await inbox("lu", "archived")).toEqual([a]);
  expect(await inbox("lu", "pinned")).toEqual([b]);
  expect(await inbox("lu", "all")).toEqual([c, b, a]);
  expect(await inbox("lu", "all", "ZURICH")).toEqual([c]);
  expect(await inbox("lu", "all", "%")).toEqual([]);
  await send(a, "bob");
  expect(await inbox("lu", "archived")).toEqual([]);
  expect(await inbox("lu")).toEqual([a, c, b]);
  await set(a, { archived: true });
  await set(a, { archived: false });
  expect(await inbox("lu")).toEqual([a, c, b]);
});

test("a message that races with archiving brings the conversation back, or came before it", async () => {
  const conversationId = await node.open(["ra", "bob"]);
  for (let i = 0; i < 10; i++) {
    await Promise.all([
      door.execute(asUser("ra"), { type: "set-preferences", conversationId, archived: true }),
      send(conversationId, "bob"),
    ]);
    await send(conversationId, "bob");
    expect(await inbox("ra")).toEqual([conversationId]);
  }
});

test("what is unread is counted for all conversations at once, as each by itself", async () => {
  const ids = await Promise.all(upTo(12).map(() => node.open(["una", "bob"])));
  for (const [i, id] of ids.entries())
    for (let n = 0; n < i % 4; n++) await send(id, n % 2 === 0 ? "bob" : "una");
  await door.execute(asUser("una"), { type: "mark-read", conversationId: ids[3] as number, messageId: null });
  const { total, conversations } = await door.answer(asUser("una"), { type: "read-unread" });
  const entries = await door.answer(asUser("una"), { type: "read-entries", conversationIds: ids });
  const one = entries.flatMap(({ head, unread }) =>
    unread === 0 ? [] : [{ conversationId: head.conversation.id, unread, unreadMentions: 0 }],
  );
  const byId = (a: { conversationId: number }, b: { conversationId: number }) =>
    a.conversationId - b.conversationId;
  expect(conversations.toSorted(byId)).toEqual(one.toSorted(byId));
  expect(total).toBe(one.reduce((sum, { unread }) => sum + unread, 0));
  expect(total).toBeGreaterThan(5);
});

test("the directory finds people by a part of name or id, without case and accents, page by page", async () => {
  for (const [id, name] of [
    ["dir-1", "Zoë Ångström"],
    ["dir-2", "zoe miller"],
    ["dir-3", "Жанна"],
    ["dir-4", null],
    ["dir-5", "Zoe_100%"],
  ] as const) {
    await arrive(id, name);
  }
  const find = async (text: string, after: { sortName: string; id: string } | null = null, limit = 10) =>
    await door.answer(asUser("ann"), { type: "find-users", text, after, limit });
  const ids = async (text: string) => (await find(text)).users.map((user) => user.id);
  expect(await ids("ZOE")).toEqual(["dir-1", "dir-2", "dir-5"]);
  expect(await ids("angstr")).toEqual(["dir-1"]);
  expect(await ids("ЖАН")).toEqual(["dir-3"]);
  expect(await ids(" DIR-4 ")).toEqual(["dir-4"]);
  expect(await ids("%")).toEqual(["dir-5"]);
  expect(await ids("e_1")).toEqual(["dir-5"]);
  expect((await find("zoe")).users[0]).toEqual({
    id: "dir-1",
    name: "Zoë Ångström",
    avatarUrl: null,
    isBot: false,
  });
  const first = await find("dir-", null, 2);
  expect(first.next).not.toBeNull();
  const second = await find("dir-", first.next, 3);
  expect([...first.users, ...second.users].map((user) => user.id)).toEqual([
    "dir-4",
    "dir-1",
    "dir-2",
    "dir-5",
    "dir-3",
  ]);
  expect(second.next).toBeNull();
  await door.execute(operator, { type: "deactivate-user", userId: "dir-2", deactivated: true });
  expect(await ids("zoe")).toEqual(["dir-1", "dir-5"]);
  const users = await door.answer(asUser("ann"), { type: "read-users", userIds: ["dir-3", "none", "dir-1"] });
  expect(users.map((user) => user.id)).toEqual(["dir-3", "dir-1"]);
});

test("a name of one's own stands against the token's, shows wherever one does, and can be given up", async () => {
  const conversationId = await node.open(["prof", "bob"]);
  await arrive("prof", "Token Name");
  const nameShown = async () =>
    (
      await door.answer(asUser("bob"), { type: "read-entries", conversationIds: [conversationId] })
    )[0]?.head.participants.find((one) => one.userId === "prof")?.userName;
  const messageUnder = async (name: string | null) => {
    const heard = await hear(node, `conversation:${conversationId}`);
    await door.execute(
      { ...asUser("prof"), name },
      {
        type: "send-message",
        conversationId,
        senderId: "prof",
        idempotencyKey: null,
        messageType: "text",
        content: "x",
        parentId: null,
        metadata: null,
        clientTime: null,
      },
    );
    const [news] = heard;
    return news?.kind === "events" && news.events[0]?.type === "message.stored"
      ? news.events[0].message
      : undefined;
  };
  const sentUnder = async (name: string | null) => (await messageUnder(name))?.senderName;
  expect([await nameShown(), await sentUnder("Token Name")]).toEqual(["Token Name", "Token Name"]);
  const own = { name: "Own Name", avatarUrl: "https://example.org/p.png" };
  expect(await door.execute(named("prof", "Token Name"), { type: "set-profile", ...own })).toEqual({
    id: "prof",
    ...own,
    isBot: false,
  });
  expect([await nameShown(), await sentUnder("Token Name"), await sentUnder(null)]).toEqual(
    Array(3).fill("Own Name"),
  );
  // Their picture too, told live and read back alike.
  await send(conversationId, "bob");
  const ask = { type: "read-history", conversationId, before: null, limit: 3 } as const;
  const pictures = (await door.answer(asUser("prof"), ask)).messages.map(
    (message) => message.senderAvatarUrl,
  );
  expect(pictures).toEqual([null, own.avatarUrl, own.avatarUrl]);
  expect((await messageUnder(null))?.senderAvatarUrl).toBe(own.avatarUrl);
  await arrive("prof", "Another Token Name");
  expect([await nameShown(), await sentUnder("Another Token Name")]).toEqual(["Own Name", "Own Name"]);
  await door.execute(named("prof", "Token Name"), { type: "set-profile", name: null });
  expect([await nameShown(), await sentUnder("Token Name")]).toEqual(["Token Name", "Token Name"]);
  for (const name of ["", "   ", "a\nb", "x".repeat(200)]) {
    await expect(door.execute(asUser("prof"), { type: "set-profile", name })).rejects.toMatchObject({
      code: "invalid",
    });
  }
});

test("the deactivated are refused from the next request on, until they are active again", async () => {
  await arrive("dea", "Dea");
  const conversationId = await node.open(["dea", "bob"]);
  const deactivate = (deactivated: boolean, caller = operator as ReturnType<typeof asUser>) =>
    door.execute(caller, { type: "deactivate-user", userId: "dea", deactivated });
  await expect(deactivate(true, asUser("bob"))).rejects.toMatchObject({ code: "forbidden" });
  const heard = await hear(node, "user:dea");
  expect([await deactivate(true), await deactivate(true)]).toEqual([{ changed: true }, { changed: false }]);
  expect(heard[0]).toMatchObject({ kind: "user-changed", userId: "dea", deactivated: true });
  const speak = () => door.execute(asUser("dea"), { type: "set-typing", conversationId, typing: true });
  await expect(speak()).rejects.toMatchObject({ code: "unauthenticated" });
  await expect(
    door.answer(asUser("dea"), { type: "read-history", conversationId, before: null, limit: 1 }),
  ).rejects.toMatchObject({ code: "unauthenticated" });
  await expect(
    door.execute(asUser("dea"), { type: "mark-read", conversationId, messageId: null }),
  ).rejects.toMatchObject({ code: "unauthenticated" });
  await expect(arrive("dea", "Dea")).rejects.toMatchObject({ code: "unauthenticated" });
  // Whoever names them has not made them known.
  await door.execute(asUser("bob"), { type: "block-user", userId: "dea", blocked: true });
  await expect(speak()).rejects.toMatchObject({ code: "unauthenticated" });
  expect(await deactivate(false)).toEqual({ changed: true });
  await speak();
  await expect(
    door.execute(operator, { type: "deactivate-user", userId: "nobody", deactivated: true }),
  ).rejects.toMatchObject({ code: "not_found" });
});

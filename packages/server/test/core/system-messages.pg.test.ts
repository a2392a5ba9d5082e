import type { InboxEntry } from "@parlance/protocol/queries.ts";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Door } from "../../src/core/door.ts";
import { asUser, openDoor } from "../support/door.ts";
import { startNode, type WritingNode } from "../support/node.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/postgres.ts";
import { say } from "../support/said.ts";

/** What a group's history says of who came, who went and what it is called. */

let database: TestDatabase;
let node: WritingNode;
let door: Door;
/** Ann's, with bob, who is called Bob, and cyd. */
let conversationId: number;

beforeAll(async () => {
  database = await createMigratedDatabase("system_messages");
  node = await startNode(database.connection);
  door = openDoor(node);
  await node.store.users.ensure([
    { id: "ann", name: "Ann %s" },
    { id: "bob", name: "Bob" },
  ]);
});
afterAll(async () => {
  await node.close();
  await database.drop();
});
beforeEach(async () => {
  const opened = await door.execute(asUser("ann"), {
    type: "open-conversation",
    userIds: ["bob", "cyd"],
    name: "Trip",
    idempotencyKey: null,
  });
  conversationId = opened.conversationId;
});

const add = (by: string, ...userIds: string[]) =>
  door.execute(asUser(by), { type: "add-participants", conversationId, userIds });
const remove = (by: string, userId: string) =>
  door.execute(asUser(by), { type: "remove-participant", conversationId, userId });
const rename = (name: string | null, by = "ann") =>
  door.execute(asUser(by), { type: "update-conversation", conversationId, name });
const texts = async () => (await node.history(conversationId)).map(({ content }) => content);
const entryOf = async (userId: string) =>
  (
    await door.answer(asUser(userId), { type: "read-entries", conversationIds: [conversationId] })
  )[0] as InboxEntry;

test("who was let in, who left, who was removed, and a new name: each in the tick after it, by nobody", async () => {
  await add("ann", "dan");
  await remove("ann", "bob");
  await remove("cyd", "cyd");
  await rename("Trip to Oslo");
  await rename(null);
  const said = await node.history(conversationId);
  expect(said.map(({ seq, content, metadata }) => [seq, content, metadata])).toEqual([
    [3, "Ann %s added dan", { event: "participant.added", by: "ann", userIds: ["dan"], count: 1 }],
    [5, "Ann %s removed Bob", { event: "participant.removed", by: "ann", userIds: ["bob"], count: 1 }],
    [7, "cyd left", { event: "participant.left", by: "cyd", userIds: ["cyd"], count: 1 }],
    [
      9,
      "Ann %s changed the name to Trip to Oslo",
      { event: "conversation.renamed", by: "ann", name: "Trip to Oslo" },
    ],
    [11, "Ann %s took the name away", { event: "conversation.renamed", by: "ann", name: null }],
  ]);
  for (const one of said)
    expect(one).toMatchObject({ type: "system", senderId: "", senderName: null, rev: one.seq });
});

test("of many the first are named", async () => {
  await add("ann", "d1", "d2", "bob");
  await add("ann", "e1", "e2", "e3", "e4");
  await add("ann", ...Array.from({ length: 60 }, (_, i) => `f${i}`));
  await add("ann", "d1", "d2");
  expect(await texts()).toEqual([
    "Ann %s added d1 and d2",
    "Ann %s added e1, e2, e3 and e4",
    "Ann %s added f0, f1, f2 and 57 others",
  ]);
});

test("nothing is said of what changes nothing, of settings, roles, and a direct conversation that is left", async () => {
  await add("ann", "bob");
  await rename("Trip");
  const settings = { allowReplies: false };
  await door.execute(asUser("ann"), { type: "update-conversation", conversationId, settings });
  await door.execute(asUser("ann"), { type: "set-role", conversationId, userId: "bob", role: "admin" });
  await expect(rename("No", "cyd")).rejects.toMatchObject({ code: "forbidden" });
  expect(await texts()).toEqual([]);
  const direct = await door.execute(asUser("ann"), {
    type: "open-conversation",
    userIds: ["bob"],
    name: null,
    idempotencyKey: null,
  });
  conversationId = direct.conversationId;
  await remove("ann", "ann");
  expect(await texts()).toEqual([]);
});

test("it is not unread, moves nothing in a list and brings nothing back into one; marks pass over it", async () => {
  const first = await say(door, conversationId, "ann", "hello");
  const before = await entryOf("bob");
  await door.execute(asUser("cyd"), { type: "set-preferences", conversationId, archived: true });
  await add("ann", "dan");
  await rename("Oslo");
  const after = await entryOf("bob");
  expect(after).toMatchObject({
    unread: 1,
    lastMessage: { id: first.id },
    lastMessageAt: before.lastMessageAt,
  });
  expect(after.head.conversation.updatedAt).toBeGreaterThan(before.head.conversation.updatedAt);
  expect(await entryOf("cyd")).toMatchObject({ archived: true, unread: 1 });
  expect(await entryOf("dan")).toMatchObject({ unread: 0 });

  await say(door, conversationId, "ann", "again");
  expect((await entryOf("bob")).unread).toBe(2);
  expect((await entryOf("dan")).unread).toBe(1);
  expect(await entryOf("cyd")).toMatchObject({ archived: false, unread: 2 });
  await door.execute(asUser("bob"), { type: "mark-read", conversationId, messageId: null });
  expect((await entryOf("bob")).unread).toBe(0);
});

test("it may be answered, reacted to and deleted by who governs the group; nobody edits it", async () => {
  await add("ann", "dan");
  const messageId = (await node.history(conversationId))[0]?.id as number;
  const on = { conversationId, messageId };
  await door.execute(asUser("dan"), { type: "react", ...on, emoji: "👋", add: true });
  const reply = await say(door, conversationId, "dan", "thanks", { parentId: messageId });
  expect((await node.store.reader.message(conversationId, reply.id))?.parent).toMatchObject({
    type: "system",
    senderId: "",
    content: "Ann %s added dan",
  });
  for (const by of ["ann", "dan"]) {
    const edit = door.execute(asUser(by), { type: "edit-message", ...on, content: "x" });
    await expect(edit).rejects.toMatchObject({ code: "forbidden" });
  }
  const bydan = door.execute(asUser("dan"), { type: "delete-message", ...on });
  await expect(bydan).rejects.toMatchObject({ code: "forbidden" });
  await door.execute(asUser("ann"), { type: "delete-message", ...on });
  expect((await entryOf("bob")).unread).toBe(1);
});

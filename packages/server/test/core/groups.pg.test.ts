import type { OpenConversation } from "@parlance/protocol/commands.ts";
import type { Role } from "@parlance/protocol/model.ts";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Door } from "../../src/core/door.ts";
import { asUser, openDoor } from "../support/door.ts";
import { startNode, upTo, type WritingNode } from "../support/node.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/postgres.ts";

let database: TestDatabase;
let node: WritingNode;
let door: Door;
/** Ann's group, with bob and cyd; made anew for each test. */
let conversationId: number;

beforeAll(async () => {
  database = await createMigratedDatabase("groups");
  node = await startNode(database.connection);
  door = openDoor(node);
});
afterAll(async () => {
  await node.close();
  await database.drop();
});
beforeEach(async () => {
  conversationId = (await open({ userIds: ["bob", "cyd"] })).conversationId;
});

const open = (over: Partial<OpenConversation>, by = "ann") =>
  door.execute(asUser(by), {
    type: "open-conversation",
    userIds: [],
    name: null,
    idempotencyKey: null,
    ...over,
  });
const remove = (by: string, userId: string) =>
  door.execute(asUser(by), { type: "remove-participant", conversationId, userId });
const setRole = (by: string, userId: string, role: Role) =>
  door.execute(asUser(by), { type: "set-role", conversationId, userId, role });
const headOf = async (id = conversationId, userId = "ann") =>
  (await door.answer(asUser(userId), { type: "read-entries", conversationIds: [id] }))[0]?.head;
const send = (by: string, id = conversationId) =>
  door.execute(asUser(by), {
    type: "send-message",
    conversationId: id,
    senderId: by,
    idempotencyKey: null,
    messageType: "text",
    content: "hello",
    parentId: null,
    metadata: null,
    clientTime: null,
  });

test("a group is made with all that it shows and how it is set, as many times as it is asked for", async () => {
  const wish: Partial<OpenConversation> = {
    userIds: ["bob"],
    isGroup: true,
    description: "Of two",
    avatarUrl: "https://example.org/a.png",
    settings: { allowReplies: false, maxFileSizeMb: 3, allowedFileTypes: ["image/*", "Text/Plain"] },
  };
  const first = await open(wish);
  expect((await open(wish)).conversationId).not.toBe(first.conversationId);
  expect((await headOf(first.conversationId))?.conversation).toMatchObject({
    kind: "group",
    name: null,
    description: "Of two",
    avatarUrl: "https://example.org/a.png",
    createdBy: "ann",
    settings: {
      allowReplies: false,
      allowReactions: true,
      historyVisible: true,
      allowFileUploads: true,
      maxFileSizeMb: 3,
      allowedFileTypes: ["image/*", "text/plain"],
    },
  });
});

test("a key finds the group it made, for the same wish only", async () => {
  const wish = { userIds: ["bob"], isGroup: true, idempotencyKey: `k-${conversationId}`, description: "a" };
  const made = await Promise.all(upTo(5).map(() => open(wish)));
  expect(new Set(made.map((one) => one.conversationId)).size).toBe(1);
  expect(made.filter((one) => one.created)).toHaveLength(1);
  await expect(open({ ...wish, description: "b" })).rejects.toMatchObject({ code: "key_reused" });
  await expect(open({ ...wish, settings: { allowReplies: false } })).rejects.toMatchObject({
    code: "key_reused",
  });
});

test("settings that are none, or have no such value, are refused", async () => {
  const bad: Record<string, unknown>[] = [
    { allowReplies: "yes" },
    { allowReplies: null },
    { maxFileSizeMb: 0 },
    { maxFileSizeMb: 1.5 },
    { maxFileSizeMb: "5" },
    { allowedFileTypes: "image/png" },
    { allowedFileTypes: ["png"] },
    { allowedFileTypes: [7] },
    { allowedFileTypes: ["image/png; q=1"] },
    { constructor: true },
    { nonsense: true },
  ];
  for (const settings of bad) {
    await expect(
      door.execute(asUser("ann"), { type: "update-conversation", conversationId, settings }),
      JSON.stringify(settings),
    ).rejects.toMatchObject({ code: "invalid" });
  }
  const settings = { maxFileSizeMb: null, allowedFileTypes: [] };
  await door.execute(asUser("ann"), { type: "update-conversation", conversationId, settings });
  expect((await headOf())?.conversation.settings).toMatchObject(settings);
});

test("ownership goes over by making another owner; the last one stays while others do", async () => {
  await expect(remove("ann", "ann")).rejects.toMatchObject({ code: "conflict" });
  await expect(setRole("ann", "ann", "member")).rejects.toMatchObject({ code: "conflict" });
  await expect(setRole("bob", "bob", "owner")).rejects.toMatchObject({ code: "forbidden" });
  await setRole("ann", "bob", "owner");
  await setRole("ann", "ann", "member");
  await expect(setRole("ann", "ann", "owner")).rejects.toMatchObject({ code: "forbidden" });
  await remove("ann", "ann");
  await remove("bob", "cyd");
  await remove("bob", "bob");
  expect(await headOf(conversationId, "bob")).toBeUndefined();
});

test("two owners who leave at once: one of them stays", async () => {
  await setRole("ann", "bob", "owner");
  const left = await Promise.allSettled([remove("ann", "ann"), remove("bob", "bob")]);
  expect(left.map((one) => one.status).toSorted()).toEqual(["fulfilled", "rejected"]);
  const owners = (await headOf(conversationId, "cyd"))?.participants.filter((one) => one.role === "owner");
  expect(owners).toHaveLength(1);
});

test("an admin's removal races with the removed being made owner: never is an owner removed by an admin", async () => {
  await setRole("ann", "bob", "admin");
  for (let i = 0; i < 10; i++) {
    const [removed] = await Promise.allSettled([remove("bob", "cyd"), setRole("ann", "cyd", "owner")]);
    const people = (await headOf())?.participants ?? [];
    const cyd = people.find((one) => one.userId === "cyd");
    // Either the removal came first, or it was refused.
    expect(removed.status === "fulfilled").toBe(cyd === undefined);
    if (cyd === undefined) {
      await door.execute(asUser("ann"), { type: "add-participants", conversationId, userIds: ["cyd"] });
    } else await setRole("ann", "cyd", "member");
  }
});

test("who is in already is skipped; nobody new, nothing changed", async () => {
  const add = (...userIds: string[]) =>
    door.execute(asUser("ann"), { type: "add-participants", conversationId, userIds });
  expect(await add("bob", "dan")).toMatchObject({ changed: true });
  const seq = (await headOf())?.conversation.clock;
  expect(await add("bob", "dan")).toEqual({ seq, changed: false });
});

test("a direct conversation that is left is out of one's own lists until its next message", async () => {
  const { conversationId: id } = await open({ userIds: ["leaver"] }, "stayer");
  await send("stayer", id);
  const leave = () =>
    door.execute(asUser("leaver"), { type: "remove-participant", conversationId: id, userId: "leaver" });
  const listed = async (userId: string) =>
    (await door.answer(asUser(userId), { type: "read-inbox", userId, limit: 9, after: null, list: "all" }))
      .entries.length;
  const clock = (await headOf(id, "leaver"))?.conversation.clock;
  expect(await leave()).toEqual({ seq: clock, changed: true });
  expect(await leave()).toEqual({ seq: clock, changed: false });
  expect([await listed("leaver"), await listed("stayer")]).toEqual([0, 1]);
  expect(await door.answer(asUser("leaver"), { type: "read-unread" })).toEqual({
    total: 0,
    conversations: [],
  });
  await send("stayer", id);
  expect(await listed("leaver")).toBe(1);
  expect(await door.answer(asUser("leaver"), { type: "read-unread" })).toMatchObject({ total: 2 });
});

test("deleted for everyone it is nobody's: not listed, read, written or found by its key", async () => {
  const key = `gone-${conversationId}`;
  const made = await open({ userIds: ["bob"], name: "SECRET", idempotencyKey: key });
  const id = made.conversationId;
  const { id: messageId } = await send("bob", id);
  const del = (by: string) => door.execute(asUser(by), { type: "delete-conversation", conversationId: id });
  await expect(del("bob")).rejects.toMatchObject({ code: "forbidden" });
  expect(await del("ann")).toMatchObject({ changed: true, seq: 3 });

  await expect(del("ann")).rejects.toMatchObject({ code: "not_participant" });
  await expect(send("bob", id)).rejects.toMatchObject({ code: "not_participant" });
  for (const caller of [asUser("bob"), { ...asUser("x"), userId: null, rights: "operator" as const }]) {
    const history = { type: "read-history", conversationId: id, before: null, limit: 5 } as const;
    await expect(door.answer(caller, history)).rejects.toMatchObject({ code: "not_participant" });
    await expect(
      door.answer(caller, { type: "find-message", conversationId: id, reference: { id: messageId } }),
    ).rejects.toMatchObject({ code: "not_participant" });
    await expect(
      door.answer(caller, { type: "read-participants", conversationId: id, after: null, limit: 5 }),
    ).rejects.toMatchObject({ code: "not_participant" });
  }
  expect(await headOf(id)).toBeUndefined();
  const lists = await door.answer(asUser("ann"), {
    type: "read-inbox",
    userId: "ann",
    limit: 100,
    after: null,
    list: "all",
  });
  expect(JSON.stringify(lists)).not.toContain("SECRET");
  expect(await open({ userIds: ["bob"], name: "SECRET", idempotencyKey: key })).toMatchObject({
    created: true,
  });
});

test("a message that races with the deletion is either before it or refused", async () => {
  const sends = upTo(20).map(() => send("bob"));
  const deleted = await door.execute(asUser("ann"), { type: "delete-conversation", conversationId });
  const seqs = (await Promise.allSettled(sends)).flatMap((one) =>
    one.status === "fulfilled" ? [one.value.seq] : [],
  );
  expect(seqs.every((seq) => seq < deleted.seq)).toBe(true);
  await expect(send("cyd")).rejects.toMatchObject({ code: "not_participant" });
});

test("people are paged, longest in it first, with how far each has read", async () => {
  const people = upTo(7).map((i) => `p${i}-${conversationId}`);
  for (const id of people) {
    await door.execute(asUser("ann"), { type: "add-participants", conversationId, userIds: [id] });
  }
  const { id: messageId } = await send("ann");
  await door.execute(asUser("bob"), { type: "mark-read", conversationId, messageId });
  const seen = [];
  for (let after = null as { joinedSeq: number; userId: string } | null, pages = 0; ; pages++) {
    const page = await door.answer(asUser("cyd"), {
      type: "read-participants",
      conversationId,
      after,
      limit: 4,
    });
    seen.push(...page.participants);
    after = page.next;
    expect(pages).toBeLessThan(4);
    if (after === null) break;
  }
  expect(seen.map((one) => one.userId)).toEqual(["ann", "bob", "cyd", ...people]);
  expect(seen[1]).toMatchObject({ lastReadMessageId: messageId, readAt: expect.any(Number), role: "member" });
  expect(seen[2]).toMatchObject({ lastReadMessageId: null, online: false });
  const [inOne] = await door.answer(asUser("cyd"), {
    type: "read-people",
    conversationIds: [conversationId, 5],
  });
  expect(inOne).toEqual({ conversationId, participants: seen });
  await expect(
    door.answer(asUser("stranger"), { type: "read-participants", conversationId, after: null, limit: 4 }),
  ).rejects.toMatchObject({ code: "not_participant" });
});

import type { Event } from "@parlance/protocol/events.ts";
import { MAX_PINS, type Message } from "@parlance/protocol/model.ts";
import type { MessageReference } from "@parlance/protocol/queries.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Door } from "../../src/core/door.ts";
import { asUser, openDoor } from "../support/door.ts";
import { startNode, upTo, type WritingNode } from "../support/node.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/postgres.ts";
import { say } from "../support/said.ts";

let database: TestDatabase;
let nodes: [WritingNode, WritingNode];
let door: Door;
let otherDoor: Door;
const told: Event[] = [];
const personal: { readonly userId: string; readonly unread: number; readonly unreadMentions: number }[] = [];

beforeAll(async () => {
  database = await createMigratedDatabase("core_messages");
  nodes = [await startNode(database.connection), await startNode(database.connection)];
  door = openDoor(nodes[0]);
  otherDoor = openDoor(nodes[1]);
  nodes[0].bus.listen({
    news: (news) => {
      for (const item of news) {
        if (item.kind === "events") told.push(...item.events);
        else if (item.kind === "personal" && item.signal.type === "entry") {
          const { unread, unreadMentions } = item.signal.entry;
          personal.push({ userId: item.userId, unread, unreadMentions });
        }
      }
    },
    lost: () => {},
  });
});
afterAll(async () => {
  for (const node of nodes) await node.close();
  await database.drop();
});

const open = (...people: string[]): Promise<number> => nodes[0].open(people);
const tellAll = async (conversationId: number): Promise<Event[]> => {
  await nodes[0].bus.subscribe(`conversation:${conversationId}`);
  told.length = 0;
  return told;
};
const message = async (conversationId: number, id: number): Promise<Message> =>
  (await nodes[0].store.reader.message(conversationId, id)) as Message;

describe("pages", () => {
  const page = async (
    conversationId: number,
    query: { before?: MessageReference; after?: MessageReference; around?: MessageReference; limit: number },
    userId = "ann",
  ) => {
    const { before = null, ...rest } = query;
    const { messages, more, moreNewer } = await door.answer(asUser(userId), {
      type: "read-history",
      conversationId,
      before,
      ...rest,
    });
    return [messages.map((one) => one.content).toReversed(), more, moreNewer];
  };

  test("go either way from a message, itself left out, or stand around it", async () => {
    const conversationId = await open("ann", "bob");
    const ids: MessageReference[] = [];
    for (const i of upTo(9)) ids.push({ id: (await say(door, conversationId, "ann", `${i}`)).id });
    const at = (i: number) => ids[i - 1] as MessageReference;
    expect(await page(conversationId, { limit: 3 })).toEqual([["7", "8", "9"], true, false]);
    expect(await page(conversationId, { limit: 9 })).toEqual([[..."123456789"], false, false]);
    expect(await page(conversationId, { before: at(4), limit: 3 })).toEqual([["1", "2", "3"], false, true]);
    expect(await page(conversationId, { before: at(4), limit: 2 })).toEqual([["2", "3"], true, true]);
    expect(await page(conversationId, { before: at(1), limit: 2 })).toEqual([[], false, true]);
    expect(await page(conversationId, { after: at(4), limit: 3 })).toEqual([["5", "6", "7"], true, true]);
    expect(await page(conversationId, { after: at(6), limit: 3 })).toEqual([["7", "8", "9"], true, false]);
    expect(await page(conversationId, { after: at(9), limit: 3 })).toEqual([[], true, false]);
    expect(await page(conversationId, { around: at(5), limit: 3 })).toEqual([["4", "5", "6"], true, true]);
    expect(await page(conversationId, { around: at(5), limit: 4 })).toEqual([
      ["3", "4", "5", "6"],
      true,
      true,
    ]);
    expect(await page(conversationId, { around: at(5), limit: 1 })).toEqual([["5"], true, true]);
    expect(await page(conversationId, { around: at(1), limit: 4 })).toEqual([
      ["1", "2", "3", "4"],
      false,
      true,
    ]);
    expect(await page(conversationId, { around: at(8), limit: 4 })).toEqual([
      ["6", "7", "8", "9"],
      true,
      false,
    ]);
    expect(await page(conversationId, { around: at(5), limit: 20 })).toEqual([
      [..."123456789"],
      false,
      false,
    ]);
  });

  test("show nothing from before one's joining where that is hidden, and no place in it to start from", async () => {
    const conversationId = await open("ann", "bob");
    await nodes[0].change({
      kind: "settings",
      conversationId,
      by: "ann",
      settings: { historyVisible: false },
    });
    const { id: hidden } = await say(door, conversationId, "ann", "hidden");
    await nodes[0].change({ kind: "add", conversationId, by: "ann", userIds: ["cyd"], maxParticipants: 9 });
    const { id: first } = await say(door, conversationId, "ann", "first");
    await say(door, conversationId, "ann", "second");
    expect(await page(conversationId, { around: { id: first }, limit: 9 }, "cyd")).toEqual([
      ["first", "second"],
      false,
      false,
    ]);
    expect(await page(conversationId, { after: { id: first }, limit: 9 }, "cyd")).toEqual([
      ["second"],
      true,
      false,
    ]);
    for (const one of ["before", "after", "around"] as const) {
      await expect(page(conversationId, { [one]: { id: hidden }, limit: 9 }, "cyd")).rejects.toMatchObject({
        code: "not_found",
      });
    }
  });

  test("take one place to start from, of this conversation", async () => {
    const conversationId = await open("ann");
    const { id } = await say(door, await open("ann"), "ann", "elsewhere");
    await expect(page(conversationId, { after: { id }, limit: 1 })).rejects.toMatchObject({
      code: "not_found",
    });
    await expect(page(conversationId, { after: { id }, around: { id }, limit: 1 })).rejects.toMatchObject({
      code: "invalid",
    });
  });
});

describe("threads", () => {
  const thread = (conversationId: number, messageId: number, after: number | null = null, userId = "ann") =>
    door.answer(asUser(userId), { type: "read-thread", conversationId, messageId, after, limit: 2 });

  test("a message's replies come in pages, with a preview of it in each and their number in it", async () => {
    const conversationId = await open("ann", "bob");
    const events = await tellAll(conversationId);
    const { id: parentId, seq } = await say(door, conversationId, "ann", "é".repeat(300));
    const replies: { readonly id: number }[] = [];
    for (const i of upTo(3)) replies.push(await say(door, conversationId, "bob", `reply ${i}`, { parentId }));
    const { id: nested } = await say(door, conversationId, "ann", "to a reply", {
      parentId: replies[0]?.id as number,
    });

    const first = await thread(conversationId, parentId);
    expect(first).toMatchObject({ parent: { id: parentId, replyCount: 3 }, more: true });
    expect(first.replies.map((one) => one.content)).toEqual(["reply 1", "reply 2"]);
    expect(first.replies[0]?.replyCount).toBe(1);
    const preview = {
      id: parentId,
      seq,
      type: "text",
      senderId: "ann",
      senderName: null,
      content: "é".repeat(200),
      deleted: false,
    };
    expect(first.replies[0]?.parent).toEqual(preview);
    expect(events.find((event) => "message" in event && event.message.id === replies[0]?.id)).toMatchObject({
      message: { parent: preview, replyCount: 0 },
    });
    const rest = await thread(conversationId, parentId, first.replies.at(-1)?.seq);
    expect(rest).toMatchObject({ replies: [{ content: "reply 3" }], more: false });

    await door.execute(asUser("bob"), {
      type: "delete-message",
      conversationId,
      messageId: replies[1]?.id as number,
    });
    await door.execute(asUser("bob"), {
      type: "delete-message",
      conversationId,
      messageId: replies[1]?.id as number,
    });
    await door.execute(asUser("ann"), { type: "delete-message", conversationId, messageId: parentId });
    expect(await message(conversationId, parentId)).toMatchObject({ replyCount: 2 });
    expect(await message(conversationId, replies[0]?.id as number)).toMatchObject({
      parent: { content: "", deleted: true },
    });
    await door.execute(asUser("ann"), { type: "delete-message", conversationId, messageId: nested });
    expect(await message(conversationId, replies[0]?.id as number)).toMatchObject({ replyCount: 0 });
  });

  test("what is foreign, hidden or deleted is not replied to, nor anything where replies are switched off", async () => {
    const conversationId = await open("ann", "bob");
    const { id: foreign } = await say(door, await open("ann", "bob"), "ann", "elsewhere");
    const { id: deleted } = await say(door, conversationId, "ann", "deleted");
    const { id: parentId } = await say(door, conversationId, "ann", "kept");
    const stored = await say(door, conversationId, "bob", "in time", {
      parentId: deleted,
      idempotencyKey: "k",
    });
    await door.execute(asUser("ann"), { type: "delete-message", conversationId, messageId: deleted });
    const reply = (to: number, over = {}) =>
      say(door, conversationId, "bob", "in time", { parentId: to, ...over });
    await expect(reply(foreign)).rejects.toMatchObject({ code: "not_found" });
    await expect(reply(2 ** 50)).rejects.toMatchObject({ code: "not_found" });
    await expect(reply(deleted)).rejects.toMatchObject({ code: "conflict" });
    await nodes[0].change({ kind: "settings", conversationId, by: "ann", settings: { allowReplies: false } });
    await expect(reply(parentId)).rejects.toMatchObject({ code: "forbidden" });
    // A repeat is answered with what was stored while it was allowed; and is that, or an error, and never a new one.
    expect(await reply(deleted, { idempotencyKey: "k" })).toEqual({ ...stored, duplicate: true });
    await expect(reply(parentId, { idempotencyKey: "k" })).rejects.toMatchObject({ code: "key_reused" });
    await expect(reply(parentId, { idempotencyKey: "new" })).rejects.toMatchObject({ code: "forbidden" });
    expect((await nodes[0].history(conversationId)).map((one) => one.content)).toEqual([
      "",
      "kept",
      "in time",
    ]);
  });

  test("where history is hidden a reply shows nothing of what it answers, to anybody", async () => {
    const conversationId = await open("ann", "bob");
    await nodes[0].change({
      kind: "settings",
      conversationId,
      by: "ann",
      settings: { historyVisible: false },
    });
    const events = await tellAll(conversationId);
    const { id: parentId } = await say(door, conversationId, "ann", "secret");
    await nodes[0].change({ kind: "add", conversationId, by: "ann", userIds: ["cyd"], maxParticipants: 9 });
    const { id } = await say(door, conversationId, "bob", "reply", { parentId });
    expect(await message(conversationId, id)).toMatchObject({ parentId, parent: null });
    expect(events.at(-1)).toMatchObject({ message: { id, parentId, parent: null } });
    await expect(thread(conversationId, parentId, null, "cyd")).rejects.toMatchObject({ code: "not_found" });
  });

  test("replies from two nodes at once, and deletions among them, are counted right", async () => {
    const conversationId = await open("ann", "bob");
    const { id: parentId } = await say(door, conversationId, "ann", "parent");
    const sent = await Promise.all(
      upTo(60).map((i) =>
        say(i % 2 === 0 ? door : otherDoor, conversationId, i % 3 === 0 ? "ann" : "bob", "x", { parentId }),
      ),
    );
    await Promise.all([
      ...sent
        .slice(0, 20)
        .flatMap(({ id: messageId }) =>
          [door, otherDoor].map((one) =>
            one.execute(asUser("ann"), { type: "delete-message", conversationId, messageId }),
          ),
        ),
      ...upTo(10).map(() => say(otherDoor, conversationId, "bob", "x", { parentId })),
    ]);
    expect((await message(conversationId, parentId)).replyCount).toBe(50);
  });
});

describe("reactions", () => {
  const react = (
    by: string,
    conversationId: number,
    messageId: number,
    emoji: string,
    add: boolean | "toggle",
  ) =>
    (by === "bob" ? otherDoor : door).execute(asUser(by), {
      type: "react",
      conversationId,
      messageId,
      emoji,
      add,
    });

  test("answer what is there now, whether anything changed, and the emoji as it is kept", async () => {
    const conversationId = await open("ann", "bob");
    const events = await tellAll(conversationId);
    const { id } = await say(door, conversationId, "ann", "x");
    const asked = [
      [true, "❤", true, true],
      [true, ":heart:", false, true],
      ["toggle", "❤️", true, false],
      ["toggle", ":HEART:", true, true],
      [false, "❤️", true, false],
      [false, "❤️", false, false],
    ] as const;
    for (const [add, emoji, changed, added] of asked) {
      expect(await react("ann", conversationId, id, emoji, add)).toMatchObject({
        changed,
        added,
        emoji: "❤️",
        userId: "ann",
        userName: null,
        message: { id, reactions: added ? { "❤️": 1 } : null },
      });
    }
    expect(events.flatMap((event) => (event.type === "reaction.changed" ? event.added : []))).toEqual([
      true,
      false,
      true,
      false,
    ]);
    for (const emoji of ["", "ab", ":nothing:", "👍👍", "👍".repeat(100), ":heart"]) {
      await expect(react("ann", conversationId, id, emoji, true)).rejects.toMatchObject({ code: "invalid" });
    }
  });

  test("are listed by when they came, page by page", async () => {
    const conversationId = await open("ann", "bob");
    const { id: messageId } = await say(door, conversationId, "ann", "x");
    for (const emoji of ["👍", "🎉", "🔥"]) {
      await react("ann", conversationId, messageId, emoji, true);
      await react("bob", conversationId, messageId, emoji, true);
    }
    const list = (after: { createdAt: number; userId: string; emoji: string } | null) =>
      door.answer(asUser("bob"), { type: "read-reactions", conversationId, messageId, after, limit: 4 });
    const first = await list(null);
    const last = await list(first.reactions.at(-1) ?? null);
    expect([first.reactions.length, first.more, last.reactions.length, last.more]).toEqual([
      4,
      true,
      2,
      false,
    ]);
    const all = [...first.reactions, ...last.reactions];
    expect(new Set(all.map(({ userId, emoji }) => `${userId} ${emoji}`)).size).toBe(6);
    expect(all.map((one) => one.createdAt)).toEqual(
      all.map((one) => one.createdAt).toSorted((a, b) => a - b),
    );
    expect(all[0]).toMatchObject({ userId: "ann", userName: null, emoji: "👍" });
  });

  test("toggled many times at once from two nodes, each toggle counts once", async () => {
    const conversationId = await open("ann", "bob");
    const { id } = await say(door, conversationId, "ann", "x");
    const answers = await Promise.all(
      upTo(21).map((i) =>
        (i % 2 === 0 ? door : otherDoor).execute(asUser("ann"), {
          type: "react",
          conversationId,
          messageId: id,
          emoji: "👍",
          add: "toggle",
        }),
      ),
    );
    expect(answers.filter((one) => one.added).length).toBe(11);
    expect(answers.every((one) => one.changed)).toBe(true);
    expect(await message(conversationId, id)).toMatchObject({ reactions: { "👍": 1 } });
  });
});

describe("edits and deletions", () => {
  test("earlier texts are kept, for participants, until the message is deleted", async () => {
    const conversationId = await open("ann", "bob");
    const { id: messageId } = await say(door, conversationId, "ann", "one");
    for (const content of ["two", "two", "three"]) {
      await door.execute(asUser("ann"), { type: "edit-message", conversationId, messageId, content });
    }
    const edits = (userId: string, after: number | null = null, limit = 10) =>
      door.answer(asUser(userId), { type: "read-edits", conversationId, messageId, after, limit });
    const { edits: texts, more } = await edits("bob");
    expect([texts.map((one) => one.content), more]).toEqual([["one", "two"], false]);
    const page = await edits("bob", null, 1);
    expect(page).toEqual({ edits: [texts[0]], more: true });
    expect(await edits("bob", page.edits[0]?.rev, 1)).toEqual({ edits: [texts[1]], more: false });
    await expect(edits("cyd")).rejects.toMatchObject({ code: "not_participant" });
    await door.execute(asUser("ann"), { type: "delete-message", conversationId, messageId });
    expect(await edits("bob")).toEqual({ edits: [], more: false });
  });

  test("authors change their own, owners and admins delete any; what is deleted stays so", async () => {
    const conversationId = await open("ann", "bob", "cyd");
    await nodes[0].change({ kind: "role", conversationId, by: "ann", userId: "bob", role: "admin" });
    const { id: messageId } = await say(door, conversationId, "cyd", "cyd's");
    const { id: owners } = await say(door, conversationId, "ann", "ann's");
    const edit = (by: string) =>
      door.execute(asUser(by), { type: "edit-message", conversationId, messageId, content: `by ${by}` });
    const remove = (by: string, id: number) =>
      door.execute(asUser(by), { type: "delete-message", conversationId, messageId: id });
    await expect(edit("ann")).rejects.toMatchObject({ code: "forbidden" });
    await expect(edit("bob")).rejects.toMatchObject({ code: "forbidden" });
    await expect(remove("cyd", owners)).rejects.toMatchObject({ code: "forbidden" });
    expect(await edit("cyd")).toMatchObject({ changed: true, message: { editedAt: expect.any(Number) } });
    expect(await remove("bob", messageId)).toMatchObject({ changed: true });
    expect(await remove("cyd", messageId)).toMatchObject({ changed: false });
    await expect(edit("cyd")).rejects.toMatchObject({ code: "conflict" });
    const react = { type: "react", conversationId, messageId, emoji: "👍", add: true } as const;
    await expect(door.execute(asUser("ann"), react)).rejects.toMatchObject({ code: "conflict" });
    expect(await remove("bob", owners)).toMatchObject({ changed: true });
  });
});

describe("pins", () => {
  const pin = (by: string, conversationId: number, messageId: number, on: boolean) =>
    door.execute(asUser(by), { type: "pin-message", conversationId, messageId, pin: on });
  const pins = async (conversationId: number, userId = "ann") =>
    (await door.answer(asUser(userId), { type: "read-pins", conversationId })).map((one) => one.id);

  test("are the owners' and admins' in a group, and tell everybody with a tick each", async () => {
    const conversationId = await open("ann", "bob");
    const events = await tellAll(conversationId);
    const { id: first } = await say(door, conversationId, "bob", "first");
    const { id: second } = await say(door, conversationId, "bob", "second");
    await expect(pin("bob", conversationId, first, true)).rejects.toMatchObject({ code: "forbidden" });
    await expect(pin("cyd", conversationId, first, true)).rejects.toMatchObject({ code: "not_participant" });
    await expect(pin("ann", conversationId, 2 ** 50, true)).rejects.toMatchObject({ code: "not_found" });
    const pinned = await pin("ann", conversationId, first, true);
    expect(pinned).toMatchObject({
      changed: true,
      message: { pinnedBy: "ann", pinnedAt: expect.any(Number), editedAt: null, rev: 4 },
    });
    expect(await pin("ann", conversationId, first, true)).toEqual({ ...pinned, changed: false });
    await pin("ann", conversationId, second, true);
    expect(await pins(conversationId, "bob")).toEqual([second, first]);
    expect(await pin("ann", conversationId, second, false)).toMatchObject({
      message: { pinnedAt: null, pinnedBy: null },
    });
    expect(await pin("ann", conversationId, second, false)).toMatchObject({ changed: false });
    await pin("ann", conversationId, second, true);
    await door.execute(asUser("ann"), { type: "delete-message", conversationId, messageId: second });
    expect(await pins(conversationId)).toEqual([first]);
    await expect(pin("ann", conversationId, second, true)).rejects.toMatchObject({ code: "conflict" });
    const changes = events.flatMap((event) => (event.type === "message.updated" ? event.change : []));
    expect(changes).toEqual(["pin", "pin", "unpin", "pin", "delete"]);
  });

  test("are either's in a direct conversation", async () => {
    const { conversationId } = await door.execute(asUser("dan"), {
      type: "open-conversation",
      userIds: ["dan", "eve"],
      name: null,
      idempotencyKey: null,
    });
    const { id } = await say(door, conversationId, "dan", "x");
    expect(await pin("eve", conversationId, id, true)).toMatchObject({ changed: true });
    expect(await pin("dan", conversationId, id, false)).toMatchObject({ changed: true });
  });

  test("are at most so many, however many are pinned at once", async () => {
    const conversationId = await open("ann");
    const sent = await Promise.all(upTo(MAX_PINS + 5).map((i) => say(door, conversationId, "ann", `${i}`)));
    const outcomes = await Promise.allSettled(
      sent.map(({ id }, i) =>
        (i % 2 === 0 ? door : otherDoor).execute(asUser("ann"), {
          type: "pin-message",
          conversationId,
          messageId: id,
          pin: true,
        }),
      ),
    );
    const refused = outcomes.flatMap((one) => (one.status === "rejected" ? one.reason.code : []));
    expect(refused).toEqual(upTo(5).map(() => "invalid"));
    expect(new Set(await pins(conversationId)).size).toBe(MAX_PINS);
  });
});

describe("receipts", () => {
  const receipts = (conversationId: number, messageId: number, after: string | null = null, limit = 10) =>
    door.answer(asUser("ann"), { type: "read-receipts", conversationId, messageId, after, limit });
  const read = (userId: string, conversationId: number, messageId: number | null) =>
    door.execute(asUser(userId), { type: "mark-read", conversationId, messageId });

  test("say who has read a message and when, but for its sender", async () => {
    const people = ["ann", "bob", "cyd", "dan"];
    const conversationId = await open(...people);
    const { id: first } = await say(door, conversationId, "ann", "first");
    const { id: second } = await say(door, conversationId, "bob", "second");
    const before = Date.now();
    for (const userId of ["ann", "bob", "dan"]) await read(userId, conversationId, first);
    const early = await receipts(conversationId, first);
    expect(early.receipts.map((one) => one.userId)).toEqual(["bob", "dan"]);
    for (const { readAt } of early.receipts) {
      expect(readAt).toBeGreaterThan(before - 60_000);
      expect(readAt).toBeLessThan(Date.now() + 60_000);
    }
    expect((await receipts(conversationId, second)).receipts).toEqual([]);
    for (const userId of people) await read(userId, conversationId, null);
    // When it was read first stays.
    const late = await receipts(conversationId, first);
    expect(late.receipts.filter((one) => one.userId !== "cyd")).toEqual(early.receipts);
    expect((await receipts(conversationId, second)).receipts.map((one) => one.userId)).toEqual([
      "ann",
      "cyd",
      "dan",
    ]);
    const page = await receipts(conversationId, first, null, 2);
    expect([page.receipts.map((one) => one.userId), page.more]).toEqual([["bob", "cyd"], true]);
    expect(await receipts(conversationId, first, "cyd", 2)).toMatchObject({
      receipts: [{ userId: "dan" }],
      more: false,
    });
  });

  test("of those who joined later or left nobody is listed; one message read by itself is", async () => {
    const conversationId = await open("ann", "bob", "cyd");
    await say(door, conversationId, "ann", "before");
    const { id } = await say(door, conversationId, "ann", "this one");
    await nodes[0].change({ kind: "add", conversationId, by: "ann", userIds: ["eve"], maxParticipants: 9 });
    await read("eve", conversationId, null);
    await read("cyd", conversationId, null);
    await door.execute(asUser("bob"), { type: "mark-message-read", messageId: id });
    await nodes[0].change({ kind: "remove", conversationId, by: "ann", userId: "cyd" });
    expect((await receipts(conversationId, id)).receipts.map((one) => one.userId)).toEqual(["bob"]);
  });

  test("a mark names the message it stands at", async () => {
    const conversationId = await open("ann", "bob");
    const { id: first } = await say(door, conversationId, "ann", "first");
    await door.execute(asUser("ann"), {
      type: "react",
      conversationId,
      messageId: first,
      emoji: "👍",
      add: true,
    });
    const mark = async () =>
      (await nodes[0].store.ticks.marksSince("ann", 0, 100)).find(
        (one) => one.conversationId === conversationId && one.userId === "bob",
      );
    await nodes[0].writer.mark({ conversationId, userId: "bob", deliveredSeq: 2, readSeq: 0 });
    expect(await mark()).toMatchObject({ readMessageId: null, readSeq: 0 });
    const moved = await nodes[0].writer.mark({ conversationId, userId: "bob", deliveredSeq: 3, readSeq: 3 });
    expect(moved).toMatchObject({ readSeq: 3, readMessageId: first, userName: null });
    const { id: second } = await say(door, conversationId, "ann", "second");
    await nodes[0].writer.mark({ conversationId, userId: "bob", deliveredSeq: 4, readSeq: 0 });
    expect(await mark()).toMatchObject({ readSeq: 3, readMessageId: first });
    await door.execute(asUser("bob"), { type: "mark-message-read", messageId: second });
    expect(await mark()).toMatchObject({ readSeq: 4, readMessageId: second });
  });
});

describe("unread, set back", () => {
  const counts = async (conversationId: number, userId: string) => {
    const [entry] = await nodes[0].store.reader.entries(userId, [conversationId]);
    return [entry?.unread, entry?.unreadMentions];
  };

  test("counts from a message on until it is read again; receipts stay", async () => {
    const conversationId = await open("ann", "bob");
    const ids: number[] = [];
    for (const i of upTo(6)) {
      const { id } = await say(door, conversationId, i === 4 ? "bob" : "ann", i === 3 ? "@bob" : "x");
      ids.push(id);
    }
    const at = (i: number) => ids[i - 1] as number;
    const read = (messageId: number | null) =>
      door.execute(asUser("bob"), { type: "mark-read", conversationId, messageId });
    const unread = async (messageId: number) =>
      Object.values(await door.execute(asUser("bob"), { type: "mark-unread", conversationId, messageId }));
    await read(at(5));
    const [mark] = (await nodes[0].store.ticks.marksSince("bob", 0, 9)).filter(
      (m) => m.conversationId === conversationId,
    );
    expect(await counts(conversationId, "bob")).toEqual([1, 0]);
    expect(await unread(at(6))).toEqual([1, 0]);
    expect(await unread(at(3))).toEqual([3, 1]);
    expect(await unread(at(5))).toEqual([3, 1]);
    expect(await counts(conversationId, "bob")).toEqual([3, 1]);
    await say(door, conversationId, "ann", "@[bob] again");
    expect(await counts(conversationId, "bob")).toEqual([4, 2]);
    const [same] = (await nodes[0].store.ticks.marksSince("bob", 0, 9)).filter(
      (m) => m.conversationId === conversationId,
    );
    expect(same).toEqual(mark);
    await nodes[0].bus.subscribe("user:bob");
    personal.length = 0;
    await read(at(3));
    expect(await counts(conversationId, "bob")).toEqual([3, 1]);
    await unread(at(1));
    await read(null);
    expect(await counts(conversationId, "bob")).toEqual([0, 0]);
    // One's own devices are told the new count, where the mark that is told does not say it.
    expect(personal).toEqual([
      { userId: "bob", unread: 3, unreadMentions: 1 },
      { userId: "bob", unread: 6, unreadMentions: 2 },
    ]);
    await expect(unread(2 ** 50)).rejects.toMatchObject({ code: "not_found" });
    await expect(
      door.execute(asUser("cyd"), { type: "mark-unread", conversationId, messageId: at(1) }),
    ).rejects.toMatchObject({ code: "not_participant" });
  });
});

test("a message is found by its id alone by those who may know of it, and by nobody else", async () => {
  const conversationId = await open("ann", "bob");
  const { id } = await say(door, conversationId, "ann", "here");
  const locate = (userId: string, messageId: number) =>
    door.answer(asUser(userId), { type: "locate-message", messageId });
  expect(await locate("bob", id)).toMatchObject({ id, conversationId, content: "here" });
  await expect(locate("cyd", id)).rejects.toMatchObject({ code: "not_found" });
  await expect(locate("ann", 2 ** 50)).rejects.toMatchObject({ code: "not_found" });
});

test("a sender is answered with the message it has sent, also when it was let out meanwhile; nobody else is", async () => {
  const conversationId = await open("ann", "bob");
  const { id: messageId } = await nodes[0].send({ conversationId, senderId: "bob", content: "last words" });
  await nodes[0].change({ kind: "remove", conversationId, by: "ann", userId: "bob" });
  const sent = (userId: string) =>
    door.answer(asUser(userId), { type: "read-sent", conversationId, messageId });
  expect(await sent("bob")).toMatchObject({ id: messageId, content: "last words" });
  await expect(sent("ann")).rejects.toMatchObject({ code: "not_found" });
  await expect(door.answer(asUser("bob"), { type: "locate-message", messageId })).rejects.toMatchObject({
    code: "not_found",
  });
});

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createTails, type Tails } from "../../src/core/messages/tails.ts";
import type { HistoryWish, Reader, Standing } from "../../src/core/ports/reader.ts";
import { seeded, startNode, upTo, type WritingNode } from "../support/node.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/postgres.ts";

let database: TestDatabase;
/** Reads, and never hears of what is written. */
let node: WritingNode;
let writing: WritingNode;
let epoch = "first";
const asked: HistoryWish[] = [];
let reader: Reader;
let tails: Tails;

beforeAll(async () => {
  database = await createMigratedDatabase("tails");
  node = await startNode(database.connection);
  writing = await startNode(database.connection);
  reader = node.store.reader;
});
afterAll(async () => {
  await node.close();
  await writing.close();
  await database.drop();
});
beforeEach(() => {
  asked.length = 0;
  const counted = {
    history(wish: HistoryWish) {
      asked.push(wish);
      return reader.history(wish);
    },
  };
  tails = createTails(counted, async () => epoch);
});

const standing = async (conversationId: number, userId = "ann"): Promise<Standing> =>
  (await reader.standing(conversationId, userId)) as Standing;
const newest = async (conversationId: number, limit: number, userId = "ann") =>
  await tails.newest(await standing(conversationId, userId), limit);
const stored = (conversationId: number, limit: number, fromSeq = 0) =>
  reader.history({ conversationId, beforeSeq: null, fromSeq, limit });

test("whatever another node writes, the newest page is what the store holds", async () => {
  const random = seeded(5);
  const conversationId = await writing.open(["ann", "bob"]);
  const ids: number[] = [];
  const on = { conversationId, by: "ann" };
  const changes = [
    async () => {
      ids.push((await writing.send({ conversationId, senderId: "ann", content: `${ids.length}` })).id);
    },
    (messageId: number) =>
      writing.change({ ...on, kind: "edit", messageId, content: `edited ${random(99)}` }),
    (messageId: number) =>
      writing.change({ ...on, kind: "react", messageId, emoji: "👍", add: true, maxEmoji: 9 }),
    (messageId: number) => writing.change({ ...on, kind: "delete", messageId }),
  ];
  for (let i = 0; i < 120; i++) {
    const change = changes[ids.length < 3 ? 0 : random(3)] as (typeof changes)[number];
    await change(ids[random(ids.length - 1)] as number).catch(() => {});
    const limit = 1 + random(50);
    expect(await newest(conversationId, limit)).toEqual(await stored(conversationId, limit));
  }
  expect(ids.length).toBeGreaterThan(20);
});

test("what has not moved is not read again, and what has is", async () => {
  const conversationId = await writing.open(["ann", "bob"]);
  await Promise.all(upTo(60).map((i) => writing.send({ conversationId, senderId: "ann", content: `${i}` })));
  const page = await newest(conversationId, 51);
  expect(page).toHaveLength(51);
  expect(await newest(conversationId, 20)).toEqual(page.slice(0, 20));
  expect(asked).toHaveLength(1);
  await writing.send({ conversationId, senderId: "bob", content: "one more" });
  expect((await newest(conversationId, 2)).map(({ content }) => content)).toEqual([
    "one more",
    page[0]?.content,
  ]);
  expect(asked).toHaveLength(2);
  // More than is kept is asked for as it is.
  expect(await newest(conversationId, 61)).toHaveLength(61);
  expect(asked).toHaveLength(3);
});

test("another life of the history at the same tick, and other names, are read anew", async () => {
  const conversationId = await writing.open(["ann"]);
  await writing.send({ conversationId, senderId: "ann", content: "once" });
  await newest(conversationId, 5);
  epoch = "second";
  await newest(conversationId, 5);
  expect(asked).toHaveLength(2);
  tails.forgetAll();
  await newest(conversationId, 5);
  expect(asked).toHaveLength(3);
});

test("where history is hidden each sees what was said since they came", async () => {
  const conversationId = await writing.open(["ann"]);
  const settings = { historyVisible: false };
  await writing.change({ conversationId, by: "ann", kind: "settings", settings });
  await writing.send({ conversationId, senderId: "ann", content: "before" });
  await writing.change({ conversationId, by: "ann", kind: "add", userIds: ["cyd"], maxParticipants: 9 });
  await writing.send({ conversationId, senderId: "ann", content: "after" });
  const texts = async (userId: string) =>
    (await newest(conversationId, 10, userId)).map(({ content }) => content);
  expect(await texts("cyd")).toEqual(["after"]);
  expect(asked).toHaveLength(1);
});

test("long texts are not kept", async () => {
  const conversationId = await writing.open(["ann"]);
  const content = "x".repeat(9_000);
  await Promise.all(upTo(5).map(() => writing.send({ conversationId, senderId: "ann", content })));
  for (let reads = 1; reads <= 2; reads++) {
    expect(await newest(conversationId, 5)).toHaveLength(5);
    expect(asked).toHaveLength(reads);
  }
});

import { afterAll, beforeAll, expect, test } from "vitest";
import { startNode, upTo, type WritingNode } from "../support/node.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/postgres.ts";

let database: TestDatabase;
let one: WritingNode;
let two: WritingNode;
let conversationId: number;

beforeAll(async () => {
  database = await createMigratedDatabase("retries");
  one = await startNode(database.connection);
  two = await startNode(database.connection);
  conversationId = await one.open(["ann", "bob"]);
});

afterAll(async () => {
  await one.close();
  await two.close();
  await database.drop();
});

const nodeOf = (i: number): WritingNode => (i % 2 === 0 ? one : two);
const withKey = async (key: string) =>
  (await one.history(conversationId)).filter((message) => message.idempotencyKey === key);

test("a key raced a hundredfold over two nodes is stored once and answered alike", async () => {
  for (let round = 0; round < 5; round++) {
    const idempotencyKey = `race ${round}`;
    const wish = { conversationId, senderId: "ann", idempotencyKey, content: "once" };
    const answers = await Promise.all(upTo(100).map((i) => nodeOf(i).send(wish)));
    const [message, ...more] = await withKey(idempotencyKey);
    expect(more).toEqual([]);
    expect(new Set(answers.map(({ id, seq, at }) => `${id} ${seq} ${at}`))).toEqual(
      new Set([`${message?.id} ${message?.seq} ${message?.createdAt}`]),
    );
    expect(answers.filter((answer) => !answer.duplicate).length).toBe(1);
  }
});

test("of two contents raced under one key the first stands and the others are refused", async () => {
  const idempotencyKey = "two contents";
  const answers = await Promise.allSettled(
    upTo(60).map((i) =>
      nodeOf(i >> 1).send({ conversationId, senderId: "ann", idempotencyKey, content: `content ${i % 2}` }),
    ),
  );
  const [message, ...more] = await withKey(idempotencyKey);
  expect(more).toEqual([]);
  const stored = answers.filter((answer) => answer.status === "fulfilled");
  const refused = answers.filter((answer) => answer.status === "rejected");
  expect(stored.length).toBe(30);
  for (const { value } of stored) expect(value.id).toBe(message?.id);
  for (const { reason } of refused) expect(reason).toMatchObject({ code: "key_reused" });
});

test("repeats and reuse use up no tick", async () => {
  const wish = { conversationId, senderId: "bob", idempotencyKey: "no tick", content: "a" };
  const first = await one.send(wish);
  await two.send(wish);
  await expect(two.send({ ...wish, content: "b" })).rejects.toMatchObject({ code: "key_reused" });
  const next = await two.send({ conversationId, senderId: "bob", content: "next" });
  expect(next.seq).toBe(first.seq + 1);
});

test("a key twice in one breath, with others between, is stored at its first place", async () => {
  const wish = { conversationId, senderId: "ann", idempotencyKey: "in one breath", content: "x" };
  const [before, first, between, again, other, after] = await Promise.allSettled([
    one.send({ conversationId, senderId: "ann", content: "before" }),
    one.send(wish),
    one.send({ conversationId, senderId: "ann", content: "between" }),
    one.send(wish),
    one.send({ ...wish, content: "y" }),
    one.send({ conversationId, senderId: "ann", content: "after" }),
  ]);
  const seqOf = (answer: typeof first) => (answer.status === "fulfilled" ? answer.value.seq : answer.reason);
  const start = seqOf(before);
  expect([first, between, again, after].map(seqOf)).toEqual([start + 1, start + 2, start + 1, start + 3]);
  expect(seqOf(other)).toMatchObject({ code: "key_reused" });
});

test("the store itself holds a key to one row where a batch names it twice", async () => {
  const log = one.store.logs[0] as (typeof one.store.logs)[number];
  const draft = await one.draft({ conversationId, senderId: "ann", idempotencyKey: "twice", content: "x" });
  const twin = { ...draft, id: (await one.draft({ conversationId, senderId: "ann" })).id };
  await expect(log.append([draft, twin], { wait: true, recheck: false })).rejects.toMatchObject({
    kind: "poison",
  });
  expect(await withKey("twice")).toEqual([]);
});

test("a key is its sender's and its conversation's own", async () => {
  const elsewhere = await two.open(["ann", "bob"]);
  const wish = { senderId: "ann", idempotencyKey: "mine", content: "x" };
  const answers = await Promise.all([
    one.send({ ...wish, conversationId }),
    one.send({ ...wish, conversationId, senderId: "bob", content: "y" }),
    two.send({ ...wish, conversationId: elsewhere, content: "z" }),
  ]);
  expect(new Set(answers.map((answer) => answer.id)).size).toBe(3);
  expect(answers.map((answer) => answer.duplicate)).toEqual([false, false, false]);
});

test("a key repeated after an edit and after a delete gives the first result and changes nothing", async () => {
  const wish = { conversationId, senderId: "ann", idempotencyKey: "changed since", content: "first" };
  const first = await one.send(wish);
  await one.change({ kind: "edit", conversationId, by: "ann", messageId: first.id, content: "second" });
  expect(await two.send(wish)).toEqual({ ...first, duplicate: true });
  expect((await withKey("changed since")).map((message) => message.content)).toEqual(["second"]);

  await one.change({ kind: "delete", conversationId, by: "ann", messageId: first.id });
  expect(await two.send(wish)).toEqual({ ...first, duplicate: true });
  await expect(two.send({ ...wish, content: "second" })).rejects.toMatchObject({ code: "key_reused" });
  expect((await withKey("changed since")).map((message) => message.content)).toEqual([""]);
});

test("one outside name races to one conversation, and so does one pair", async () => {
  const open = async (i: number, over: { ref: string; hash: number } | { pair: string }) =>
    nodeOf(i).writer.change({
      kind: "open",
      conversationId: await nodeOf(i).store.ids.conversation(),
      by: null,
      asRole: null,
      conversationKind: "pair" in over ? "direct" : "group",
      name: null,
      people: [
        { userId: "ann", role: "member" },
        { userId: "bob", role: "member" },
      ],
      settings: {},
      ...over,
    });
  for (const over of [{ ref: "outside", hash: 1 }, { pair: '["ann","bob"]' }]) {
    const outcomes = await Promise.all(upTo(30).map((i) => open(i, over)));
    const ids = outcomes.map((outcome) => "conversationId" in outcome && outcome.conversationId);
    expect(new Set(ids).size).toBe(1);
    expect(outcomes.filter((outcome) => "changed" in outcome && outcome.changed).length).toBe(1);
  }
  expect(await open(0, { ref: "outside", hash: 2 })).toEqual({ refused: "key_reused" });
});

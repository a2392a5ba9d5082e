import { afterAll, beforeAll, expect, test } from "vitest";
import type { MessageLog } from "../../src/core/ports/message-log.ts";
import { startNode, upTo, type WritingNode } from "../support/node.ts";
import { createMigratedDatabase, type TestDatabase, withClient } from "../support/postgres.ts";

let database: TestDatabase;
let node: WritingNode;
/** Batches in the order in which lanes began and ended them. */
let batches: { lane: MessageLog; conversations: ReadonlySet<number>; isUnderWay: boolean }[] = [];

beforeAll(async () => {
  database = await createMigratedDatabase("shares");
  node = await startNode(database.connection, {
    maxBatch: 8,
    wrap: (lane) => ({
      ...lane,
      async append(drafts, options) {
        const conversations = new Set(drafts.map((draft) => draft.conversationId));
        // The rule itself: nothing of a conversation may be committed beside something else of it.
        for (const other of batches.filter(({ isUnderWay }) => isUnderWay)) {
          expect(conversations.isDisjointFrom(other.conversations)).toBe(true);
        }
        const batch = { lane, conversations, isUnderWay: true };
        batches.push(batch);
        try {
          return await lane.append(drafts, options);
        } finally {
          batch.isUnderWay = false;
        }
      },
    }),
  });
});

afterAll(async () => {
  await node.close();
  await database.drop();
});

const lanesUsed = (): number => new Set(batches.map(({ lane }) => lane)).size;

test("with little to do one lane writes everything", async () => {
  const conversations = await Promise.all(upTo(6).map(() => node.open(["ann"])));
  batches = [];
  for (const conversationId of conversations) await node.send({ conversationId, senderId: "ann" });
  expect(batches.length).toBe(6);
  expect(lanesUsed()).toBe(1);
});

test("with more than one takes both write, and each conversation keeps its order", async () => {
  const conversations = await Promise.all(upTo(40).map(() => node.open(["ann"])));
  batches = [];
  const drafts = await Promise.all(
    upTo(400).map((i) =>
      node.draft({ conversationId: conversations[(i * 7) % 40] as number, senderId: "ann", content: `${i}` }),
    ),
  );
  const failures: unknown[] = [];
  // In waves, so that conversations come free and are given to a lane again.
  for (const wave of upTo(8)) {
    const sent = drafts.slice((wave - 1) * 50, wave * 50).map((draft) => node.writer.send(draft, undefined));
    await Promise.all(sent.map((one) => one.catch((error) => failures.push(error))));
  }
  expect(failures).toEqual([]);
  expect(lanesUsed()).toBe(2);
  for (const conversationId of conversations) {
    const stored = (await node.history(conversationId)).map((message) => Number(message.content));
    expect(stored).toEqual(stored.toSorted((a, b) => a - b));
    expect(stored.length).toBe(10);
  }
});

test("a lane that waits for another's lock is left alone by conversations that are not on it", async () => {
  const [held, other] = [await node.open(["ann"]), await node.open(["ann"])];
  await withClient(database.connection, async (elsewhere) => {
    await elsewhere.query("begin");
    await elsewhere.query("select from participants where conversation_id = $1 for update", [held]);
    const waiting = node.send({ conversationId: held, senderId: "ann" });
    await new Promise((resolve) => setTimeout(resolve, 200));
    await node.send({ conversationId: other, senderId: "ann" });
    await elsewhere.query("commit");
    expect((await waiting).duplicate).toBe(false);
  });
});

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Draft } from "../../src/core/ports/message-log.ts";
import type { Queue } from "../../src/core/ports/queue.ts";
import { upTo, type WritingNode } from "../support/node.ts";

export interface QueueScene {
  /** One for each server process that shares the queue; at least one. */
  readonly queues: readonly Queue[];
  /** Where messages end up. */
  readonly node: WritingNode;
  close(): Promise<void>;
}

/** What `core/ports/queue.ts` promises, for every queue there is. */
export function queueContract(name: string, open: () => Promise<QueueScene>): void {
  describe(name, () => {
    let scene: QueueScene;
    let conversationId: number;
    beforeAll(async () => {
      scene = await open();
    });
    afterAll(() => scene.close());
    beforeEach(async () => {
      conversationId = await scene.node.open(["ann", "bob"]);
    });

    const any = (i: number): Queue => scene.queues[i % scene.queues.length] as Queue;
    const draft = (over: Partial<Draft> = {}) =>
      scene.node.draft({ conversationId, senderId: "ann", content: "hello", ...over });
    /** All of the conversation, oldest first, as soon as there are so many. */
    const stored = async (count: number, of = conversationId) => {
      await expect.poll(async () => (await scene.node.history(of)).length, { timeout: 10_000 }).toBe(count);
      return await scene.node.history(of);
    };

    test("what is accepted stands in history under its id, byte for byte", async () => {
      const one = await draft({
        content: '"quoted\\" 👩‍👩‍👧 \u2028 \t\r\n',
        metadata: { a: [1] },
        clientTime: 7,
        senderId: "bob",
      });
      expect(await any(0).accept(one)).toMatchObject({ id: one.id, duplicate: false });
      const { contentHash: _hash, senderName: _name, ...kept } = one;
      expect(await stored(1)).toMatchObject([kept]);
    });

    test("messages of one conversation stand in the order in which they were given, whatever else is", async () => {
      const elsewhere = await Promise.all(upTo(5).map(() => scene.node.open(["ann"])));
      const drafts = [];
      for (const i of upTo(300)) {
        drafts.push(await draft(i % 3 === 0 ? {} : { conversationId: elsewhere[i % 5] as number }));
      }
      await Promise.all(drafts.map((one) => any(0).accept(one)));
      for (const of of [conversationId, ...elsewhere]) {
        const given = drafts.filter((one) => one.conversationId === of).map(({ id }) => id);
        expect((await stored(given.length, of)).map(({ id }) => id)).toEqual(given);
      }
    });

    test("a key gives the first id again, in any race on any process; other content is key_reused", async () => {
      const drafts = await Promise.all(upTo(20).map(() => draft({ idempotencyKey: "k" })));
      const queued = await Promise.all(drafts.map((one, i) => any(i).accept(one)));
      expect(new Set(queued.map(({ id }) => id)).size).toBe(1);
      expect(queued.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
      const [first] = await stored(1);
      expect(first?.id).toBe(queued[0]?.id);
      const other = await draft({ idempotencyKey: "k", content: "other" });
      await expect(any(0).accept(other)).rejects.toMatchObject({ name: "Refusal", code: "key_reused" });
      // Once it is stored, and wherever it was noted until then is cleared up.
      expect(await any(1).accept(await draft({ idempotencyKey: "k" }))).toEqual({
        ...queued[0],
        duplicate: true,
      });
      await expect(any(0).accept(other)).rejects.toMatchObject({ code: "key_reused" });
      const bobs = await draft({ idempotencyKey: "k", senderId: "bob", content: "other" });
      expect(await any(1).accept(bobs)).toMatchObject({ id: bobs.id, duplicate: false });
      expect((await stored(2)).map(({ id }) => id)).toEqual([first?.id, bobs.id]);
    });

    test("what was accepted is found and marked as read, waiting or stored; what was not is not found", async () => {
      const one = await draft();
      await any(0).accept(one);
      const waiting = await any(1).find(one.id);
      if (waiting !== null) expect(waiting).toMatchObject({ conversationId, senderId: "ann" });
      const marked = await any(0).markRead(one.id, "bob");
      const [message] = await stored(1);
      if (!marked) {
        await scene.node.writer.markMessage({ conversationId, userId: "bob", seq: message?.seq as number });
      }
      await expect
        .poll(async () => (await scene.node.store.reader.entries("bob", [conversationId]))[0]?.unread)
        .toBe(0);
      await expect.poll(() => any(0).find(one.id)).toBeNull();
      expect(await any(0).find(1)).toBeNull();
      expect(await any(1).markRead(1, "bob")).toBe(false);
    });
  });
}

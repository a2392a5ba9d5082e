import { describe, expect } from "vitest";
import type { PageWish } from "../../../src/core/ports/reader.ts";
import { upTo } from "../../support/node.ts";
import type { StoreTest } from "./fixture.ts";

export function countedPages(test: StoreTest): void {
  describe("counted pages", () => {
    test("are counted back from the newest, past SYSTEM messages and other ticks, to where the reader may see", async (fixture) => {
      const { scene, conversationId, ann, change, draft, append, send } = fixture;
      const page = (over: Partial<PageWish> = {}) =>
        scene.reader.page({ conversationId, fromSeq: 0, offset: 0, limit: 100, ...over });
      const seqs = async (over: Partial<PageWish> = {}) => {
        const { messages, total } = await page(over);
        return { total, seqs: messages.map(({ message }) => message.seq) };
      };
      expect(await page()).toEqual({ messages: [], total: 0 });
      // seq:                 2           3        4          5        6        7         8        9
      const { id } = await send();
      await send({ type: "system" });
      await send();
      await change({ ...ann, kind: "edit", messageId: id, content: "new" });
      await change({ ...ann, kind: "settings", name: "x" });
      await append(...(await Promise.all([draft(), draft({ type: "system" }), draft()])));
      await change({ ...ann, kind: "delete", messageId: id });
      expect(await seqs()).toEqual({ total: 4, seqs: [9, 7, 4, 2] });
      expect(await seqs({ offset: 1, limit: 2 })).toEqual({ total: 4, seqs: [7, 4] });
      expect(await seqs({ offset: 3 })).toEqual({ total: 4, seqs: [2] });
      expect(await seqs({ offset: 4 })).toEqual({ total: 4, seqs: [] });
      expect(await seqs({ offset: Number.MAX_SAFE_INTEGER })).toEqual({ total: 4, seqs: [] });
      expect(await seqs({ fromSeq: 5 })).toEqual({ total: 2, seqs: [9, 7] });
      expect(await seqs({ fromSeq: 4, offset: 2 })).toEqual({ total: 3, seqs: [4] });
      expect(await seqs({ fromSeq: 100 })).toEqual({ total: 0, seqs: [] });
      const [, , , deleted] = (await page()).messages;
      expect(deleted?.message).toMatchObject({ id, content: "", deletedAt: expect.any(Number) });
    });

    test("say how far each message has come with everybody else who is still there", async (fixture) => {
      const { scene, conversationId, ann, change, draft, append } = fixture;
      await change({ ...ann, kind: "add", userIds: ["cyd", "dan"], maxParticipants: 9 });
      await append(...(await Promise.all(upTo(3).map(() => draft()))), await draft({ senderId: "bob" }));
      const states = async () =>
        (await scene.reader.page({ conversationId, fromSeq: 0, offset: 0, limit: 9 })).messages
          .map(({ state }) => state)
          .toReversed();
      const mark = (userId: string, deliveredSeq: number, readSeq = 0) =>
        scene.marks.mark([{ conversationId, userId, deliveredSeq, readSeq }]);
      expect(await states()).toEqual(["sent", "sent", "sent", "sent"]);
      await mark("bob", 4, 3);
      await mark("cyd", 6, 4);
      expect(await states()).toEqual(["sent", "sent", "sent", "sent"]);
      await change({ ...ann, kind: "remove", userId: "dan" });
      expect(await states()).toEqual(["read", "delivered", "sent", "sent"]);
      await mark("ann", 6);
      expect(await states()).toEqual(["read", "delivered", "sent", "delivered"]);
      await change({ ...ann, kind: "remove", userId: "bob" }, { ...ann, kind: "remove", userId: "cyd" });
      expect(await states()).toEqual(["delivered", "delivered", "delivered", "delivered"]);
      await mark("ann", 6, 5);
      expect(await states()).toEqual(["read", "read", "read", "delivered"]);
    });
  });
}

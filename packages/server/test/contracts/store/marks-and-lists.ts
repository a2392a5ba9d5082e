import type { Message } from "@parlance/protocol/model.ts";
import { describe, expect } from "vitest";
import { upTo } from "../../support/node.ts";
import type { StoreTest } from "./fixture.ts";

export function marksAndLists(test: StoreTest): void {
  describe("marks and lists", () => {
    test("marks go forward only, at most to the clock, and read is delivered too", async (fixture) => {
      const { scene, conversationId, draft, append } = fixture;
      await append(...(await Promise.all(upTo(5).map(() => draft()))));
      const wish = (deliveredSeq: number, readSeq: number) =>
        scene.marks.mark([{ conversationId, userId: "bob", deliveredSeq, readSeq }]);
      expect(await wish(2, 0)).toMatchObject([{ deliveredSeq: 2, readSeq: 0, readAt: null }]);
      expect(await wish(0, 4)).toMatchObject([{ deliveredSeq: 4, readSeq: 4, readAt: expect.any(Number) }]);
      expect(await wish(3, 3)).toEqual([]);
      expect(await wish(1_000, 0)).toMatchObject([{ deliveredSeq: 6, readSeq: 4 }]);
      expect(
        await scene.marks.mark([{ conversationId, userId: "stranger", deliveredSeq: 1, readSeq: 1 }]),
      ).toEqual([]);
      const own = (await scene.ticks.marksSince("bob", 0, 100)).filter(
        (m) => m.conversationId === conversationId,
      );
      expect(own).toMatchObject([{ userId: "bob", deliveredSeq: 6, readSeq: 4 }]);
    });

    test("single messages are read without those below them, and tell of a mark where it moves", async (fixture) => {
      const { scene, conversationId, draft, append } = fixture;
      await append(...(await Promise.all(upTo(4).map(() => draft()))));
      const read = async (...seqs: number[]) =>
        await scene.marks.markMessages(seqs.map((seq) => ({ conversationId, userId: "bob", seq })));
      const states = async () =>
        (await scene.reader.page({ conversationId, fromSeq: 0, offset: 0, limit: 9 })).messages
          .map(({ state }) => state)
          .toReversed();
      expect(await read(4)).toEqual([]);
      expect(await states()).toEqual(["sent", "sent", "read", "sent"]);
      expect((await scene.reader.entries("bob", [conversationId]))[0]?.unread).toBe(3);
      expect(await read(2, 3, 4, 2)).toMatchObject([{ userId: "bob", deliveredSeq: 4, readSeq: 4 }]);
      expect(await read(4)).toEqual([]);
      expect(await states()).toEqual(["read", "read", "read", "sent"]);
      expect(await scene.marks.markMessages([{ conversationId, userId: "stranger", seq: 5 }])).toEqual([]);
      const { id } = (
        await scene.reader.history({ conversationId, beforeSeq: null, fromSeq: 0, limit: 1 })
      )[0] as Message;
      expect(await scene.reader.messageById(id)).toMatchObject({ id, seq: 5, conversationId });
      expect(await scene.reader.messageById(2 ** 50)).toBeNull();
    });

    test("the list shows nothing from before one's joining where history is not visible", async (fixture) => {
      const { scene, conversationId, ann, named, change, send } = fixture;
      await send({ content: "before" });
      const late = named("late");
      await change({ ...ann, kind: "settings", settings: { historyVisible: false } });
      await change({ ...ann, kind: "add", userIds: [late], maxParticipants: 10 });
      const latest = async (userId: string) =>
        (await scene.reader.entries(userId, [conversationId])).map((entry) => entry.lastMessage?.content);
      expect([await latest("bob"), await latest(late)]).toEqual([["before"], [undefined]]);
      await send({ content: "after" });
      expect(await latest(late)).toEqual(["after"]);
    });

    test("others' marks are told in conversations up to a size, one's own in all", async (fixture) => {
      const { scene, conversationId } = fixture;
      const wish = { conversationId, deliveredSeq: 1, readSeq: 1 };
      await scene.marks.mark([
        { ...wish, userId: "ann" },
        { ...wish, userId: "bob" },
      ]);
      const told = async (maxParticipants: number) =>
        (await scene.ticks.marksSince("bob", 0, maxParticipants))
          .filter((mark) => mark.conversationId === conversationId)
          .map((mark) => mark.userId)
          .sort();
      expect(await told(2)).toEqual(["ann", "bob"]);
      expect(await told(1)).toEqual(["bob"]);
    });

    test("the list has the newest first, with what is unread, page by page", async (fixture) => {
      const { scene, named, openGroup, send } = fixture;
      const reader = named("reader");
      const ids = [];
      for (let i = 0; i < 5; i++) ids.unshift(await openGroup(["ann", reader]));
      for (const id of ids.toReversed()) await send({ conversationId: id, content: `in ${id}` });
      const list = [];
      for (let after = null as { at: number; conversationId: number } | null; ; ) {
        const page = await scene.reader.inbox({ userId: reader, limit: 2, after });
        list.push(...page);
        const last = page.at(-1);
        if (last === undefined) break;
        after = { at: last.lastMessageAt, conversationId: last.head.conversation.id };
      }
      expect(list.map((entry) => entry.head.conversation.id)).toEqual(ids);
      expect(list.map((entry) => entry.unread)).toEqual(ids.map(() => 1));
      expect(list.map((entry) => entry.lastMessage?.content)).toEqual(ids.map((id) => `in ${id}`));
    });
  });
}

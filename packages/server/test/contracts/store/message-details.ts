import { describe, expect } from "vitest";
import { upTo } from "../../support/node.ts";
import { ALL_TICKS, type StoreTest } from "./fixture.ts";

export function messageDetails(test: StoreTest): void {
  describe("what hangs on messages", () => {
    test("pages go on from a message, oldest first, and no further back than the reader may see", async (fixture) => {
      const { scene, conversationId, draft, append } = fixture;
      await append(...(await Promise.all(upTo(6).map(() => draft()))));
      const after = async (afterSeq: number, fromSeq = 0) =>
        (await scene.reader.historyAfter({ conversationId, afterSeq, fromSeq, limit: 3 })).map((m) => m.seq);
      expect(await after(0)).toEqual([2, 3, 4]);
      expect(await after(4)).toEqual([5, 6, 7]);
      expect(await after(7)).toEqual([]);
      expect(await after(2, 6)).toEqual([6, 7]);
    });

    test("replies and mentions are stored in the batch of their messages, beside plain ones and refused ones", async (fixture) => {
      const { scene, conversationId, openGroup, draft, append, send } = fixture;
      const parent = await send();
      const other = await openGroup(["ann", "bob"]);
      const mentions = ["bob", "ann"];
      const reply = { parentId: parent.id, mentions };
      expect(
        await append(
          await draft(),
          await draft({ senderId: "stranger", ...reply }),
          await draft({ conversationId: other, mentions }),
          await draft(reply),
          await draft({ senderId: "bob", parentId: parent.id }),
        ),
      ).toMatchObject([{ seq: 3 }, { kind: "not_participant" }, { seq: 2 }, { seq: 4 }, { seq: 5 }]);
      const wish = { conversationId, parentId: parent.id, afterSeq: 0, fromSeq: 0, limit: 9 };
      expect(await scene.reader.replies(wish)).toMatchObject([
        {
          seq: 4,
          mentions,
          parent: { id: parent.id, seq: 2, senderId: "ann", senderName: "Ann", content: "hello" },
        },
        { seq: 5, mentions: [], replyCount: 0 },
      ]);
      expect(await scene.reader.replies({ ...wish, afterSeq: 4 })).toMatchObject([{ seq: 5 }]);
      expect(await scene.reader.message(conversationId, parent.id)).toMatchObject({
        replyCount: 2,
        rev: 2,
      });
      const unread = async (userId: string, id: number) =>
        (await scene.reader.entries(userId, [id])).map((one) => [one.unread, one.unreadMentions]);
      expect(await unread("bob", conversationId)).toEqual([[3, 1]]);
      expect(await unread("bob", other)).toEqual([[1, 1]]);
      // One's own name nobody.
      expect(await unread("ann", conversationId)).toEqual([[1, 0]]);
    });

    test("a repeat adds no reply and no mention", async (fixture) => {
      const { scene, log, conversationId, draft, append, send } = fixture;
      const parent = await send();
      const reply = { parentId: parent.id, mentions: ["bob"], idempotencyKey: "k", contentHash: 1 };
      const first = await send(reply);
      expect(await append(await draft(reply))).toMatchObject([{ kind: "repeat", id: first.id }]);
      const { outcomes } = await log.append([first], { wait: true, recheck: true });
      expect(outcomes).toMatchObject([{ kind: "repeat", id: first.id }]);
      expect(await scene.reader.message(conversationId, parent.id)).toMatchObject({ replyCount: 1 });
      expect(await scene.reader.entries("bob", [conversationId])).toMatchObject([
        { unread: 2, unreadMentions: 1 },
      ]);
    });

    test("pins, earlier texts and reactions come and go with their changes", async (fixture) => {
      const { scene, conversationId, ann, change, send } = fixture;
      const { id: messageId } = await send({ content: "one" });
      const pin = { ...ann, kind: "pin", messageId, pin: true, maxPins: 1 } as const;
      const other = await send();
      const react = {
        ...ann,
        kind: "react",
        messageId,
        emoji: "👍",
        add: "toggle",
        maxEmoji: 9,
      } as const;
      expect(
        await change(
          pin,
          pin,
          { ...pin, messageId: other.id },
          { ...ann, kind: "edit", messageId, content: "two", mentions: ["bob"] },
          react,
          react,
          react,
        ),
      ).toMatchObject([
        { seq: 4, changed: true, message: { pinnedBy: "ann", editedAt: null } },
        { seq: 4, changed: false },
        { refused: "too_many" },
        { seq: 5, message: { mentions: ["bob"], pinnedBy: "ann" } },
        { seq: 6, added: true },
        { seq: 7, added: false },
        { seq: 8, added: true },
      ]);
      const about = { conversationId, messageId, after: null, limit: 9 };
      expect((await scene.reader.pins(conversationId, 0)).map((m) => m.id)).toEqual([messageId]);
      expect(await scene.reader.pins(conversationId, 3)).toEqual([]);
      expect(await scene.reader.edits(about)).toMatchObject([{ rev: 4, content: "one" }]);
      expect(await scene.reader.reactions(about)).toMatchObject([
        { userId: "ann", userName: "Ann", emoji: "👍" },
      ]);
      const both = [messageId, other.id].map((id) => ({ conversationId, messageId: id }));
      expect(await scene.reader.ownReactions("ann", both)).toEqual([{ messageId, emoji: ["👍"] }]);
      expect(await scene.reader.ownReactions("bob", both)).toEqual([]);
      await change({ ...ann, kind: "delete", messageId });
      expect(await scene.reader.pins(conversationId, 0)).toEqual([]);
      expect(await scene.reader.edits(about)).toEqual([]);
      expect(await scene.reader.reactions(about)).toEqual([]);
      expect(await scene.reader.entries("bob", [conversationId])).toMatchObject([
        { unread: 1, unreadMentions: 0 },
      ]);
    });

    test("a message is the same however it is read: alone, in a page, in a list, with its change", async (fixture) => {
      const { scene, conversationId, ann, change, send } = fixture;
      const parent = await send({ content: "é".repeat(300) });
      const metadata = { nested: [1, null, { a: "é" }] };
      const all = {
        parentId: parent.id,
        mentions: ["bob", "ann"],
        metadata,
        clientTime: 7,
        idempotencyKey: "k",
      };
      const { id: messageId } = await send({ ...all, contentHash: 1 });
      await send({ senderId: "bob", parentId: messageId });
      const changes = await change(
        { ...ann, kind: "react", messageId, emoji: "👍", add: true, maxEmoji: 9 },
        { ...ann, kind: "edit", messageId, content: "@bob", mentions: ["bob"] },
        { ...ann, kind: "pin", messageId, pin: true, maxPins: 9 },
      );
      const message = await scene.reader.message(conversationId, messageId);
      expect(changes.at(-1)).toMatchObject({ message });
      expect(message).toMatchObject({
        replyCount: 1,
        mentions: ["bob"],
        metadata,
        pinnedBy: "ann",
        rev: 7,
      });
      expect(message?.parent?.content).toBe("é".repeat(200));
      const wish = { conversationId, fromSeq: 0 };
      const [, found] = await scene.reader.history({ ...wish, beforeSeq: null, limit: 2 });
      const { messages } = await scene.reader.page({ ...wish, offset: 1, limit: 1 });
      const [, missed] = await scene.ticks.newMessages(conversationId, ...ALL_TICKS);
      const [changed] = await scene.ticks.changedMessages(conversationId, 1_000, 0, 1_000, 9);
      expect([found, messages[0]?.message, missed, changed]).toEqual([message, message, message, message]);
    });

    test("participants are found by id, by name in any case, and by id where they have no name", async (fixture) => {
      const { scene, conversationId, ann, change } = fixture;
      const called = async (ids: string[], names: string[]) =>
        (await scene.reader.called(conversationId, { ids, names })).toSorted((a, b) =>
          a.userId < b.userId ? -1 : 1,
        );
      expect(await called(["bob", "stranger"], ["aNN", "bob", "ann lee"])).toEqual([
        { userId: "ann", name: "aNN" },
        { userId: "bob", name: null },
        { userId: "bob", name: "bob" },
      ]);
      await change({ ...ann, kind: "remove", userId: "bob" });
      expect(await called(["bob"], ["bob"])).toEqual([]);
      expect(await called([], [])).toEqual([]);
    });

    test("what counts as unread is set back and read again; marks and what was read when stay", async (fixture) => {
      const { scene, conversationId, draft, append } = fixture;
      await append(...(await Promise.all(upTo(4).map(() => draft({ mentions: ["bob"] })))));
      const bobs = (deliveredSeq: number, readSeq: number) =>
        scene.marks.mark([{ conversationId, userId: "bob", deliveredSeq, readSeq }]);
      const [mark] = await bobs(0, 5);
      const wish = { conversationId, seq: 3, senderId: "ann", after: null, limit: 9 };
      const receipts = await scene.reader.receipts(wish);
      expect(receipts).toMatchObject([{ userId: "bob", userName: null, readAt: mark?.readAt }]);
      expect(await scene.marks.markUnread(conversationId, "bob", 3)).toEqual({
        unread: 3,
        unreadMentions: 3,
      });
      expect(await scene.marks.markUnread(conversationId, "bob", 4)).toEqual({
        unread: 3,
        unreadMentions: 3,
      });
      expect(await scene.marks.markUnread(conversationId, "stranger", 4)).toBeNull();
      expect(await bobs(5, 0)).toEqual([]);
      expect(await bobs(0, 3)).toEqual([mark]);
      const unread = async () =>
        (await scene.reader.entries("bob", [conversationId])).map((one) => one.unread);
      expect(await unread()).toEqual([2]);
      expect(await bobs(0, 5)).toEqual([mark]);
      expect(await unread()).toEqual([0]);
      expect(await bobs(0, 5)).toEqual([]);
      expect(await scene.reader.receipts(wish)).toEqual(receipts);
    });
  });
}

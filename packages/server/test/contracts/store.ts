import { DEFAULT_SETTINGS, type Message } from "@parlance/protocol/model.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Change, ChangeOutcome, Draft, MarkLog, MessageLog } from "../../src/core/ports/message-log.ts";
import type { PeopleStore } from "../../src/core/ports/people-store.ts";
import type { Ids, PageWish, Reader, UserStore } from "../../src/core/ports/reader.ts";
import type { TickReader } from "../../src/core/ports/tick-reader.ts";
import { upTo } from "../support/node.ts";

/** A store behind the core's ports. */
export interface StoreScene {
  readonly logs: readonly MessageLog[];
  readonly marks: MarkLog;
  readonly reader: Reader;
  readonly ticks: TickReader;
  readonly users: UserStore;
  readonly people: PeopleStore;
  readonly ids: Ids;
  close(): Promise<void>;
}

/** What `core/ports` promises of a store, for every store there is. */
export function storeContract(name: string, open: () => Promise<StoreScene>): void {
  describe(name, () => {
    let scene: StoreScene;
    let log: MessageLog;
    let batch = 0;
    /** A group of ann (owner) and bob, made anew for each test. */
    let conversationId: number;

    beforeAll(async () => {
      scene = await open();
      log = scene.logs[0] as MessageLog;
      await scene.users.ensure([
        { id: "ann", name: "Ann" },
        { id: "bob", name: null },
      ]);
    });
    afterAll(() => scene.close());
    beforeEach(async () => {
      conversationId = await openGroup(["ann", "bob"]);
    });

    const change = async (...changes: Change[]): Promise<readonly ChangeOutcome[]> =>
      (await log.change(changes, { batch: ++batch })).outcomes;
    const openGroup = async (users: readonly string[]): Promise<number> => {
      const id = await scene.ids.conversation();
      await change({
        kind: "open",
        conversationId: id,
        by: null,
        asRole: null,
        conversationKind: "group",
        name: "group",
        people: users.map((userId, i) => ({ userId, role: i === 0 ? "owner" : "member" })),
        settings: DEFAULT_SETTINGS,
      });
      return id;
    };
    const ann = () => ({ conversationId, by: "ann", asRole: "owner" }) as const;
    const draft = async (over: Partial<Draft> = {}): Promise<Draft> => ({
      id: await scene.ids.message(),
      conversationId,
      senderId: "ann",
      senderName: null,
      idempotencyKey: null,
      contentHash: null,
      type: "text",
      content: "hello",
      parentId: null,
      metadata: null,
      clientTime: null,
      ...over,
    });
    const append = async (...drafts: Draft[]) =>
      (await log.append(drafts, { wait: true, recheck: false })).outcomes;
    const send = async (over: Partial<Draft> = {}): Promise<Draft> => {
      const one = await draft(over);
      expect(await append(one)).toMatchObject([{ kind: "stored" }]);
      return one;
    };
    const stretch = [0, Number.MAX_SAFE_INTEGER, 1_000] as const;

    describe("messages", () => {
      test("are stored in their order and read back byte for byte", async () => {
        const content = `{"quoted\\"}, null NULL 'é' 👩‍👩‍👧 \u2028 \t\r\n ${"x".repeat(5_000)}`;
        const metadata = { nested: { list: [1, "2", null, { deep: '"' }] }, empty: {}, __proto: "x" };
        const drafts = [
          await draft({
            content,
            metadata,
            clientTime: 1,
            parentId: 7,
            idempotencyKey: "null",
            contentHash: 2 ** 47,
          }),
          await draft({ content: "NULL", senderId: "bob", type: "image" }),
          await draft({ content: "{}", idempotencyKey: 'a"b\\c,{}', contentHash: 0 }),
        ];
        expect(await append(...drafts)).toMatchObject([2, 3, 4].map((seq) => ({ kind: "stored", seq })));
        const wish = { conversationId, beforeSeq: null, fromSeq: 0, limit: 10 };
        const messages = (await scene.reader.history(wish)).toReversed();
        for (const [i, { contentHash: _hash, senderName: _name, ...stored }] of drafts.entries()) {
          expect(messages[i]).toMatchObject({
            ...stored,
            seq: i + 2,
            rev: i + 2,
            attachments: null,
            reactions: null,
            deletedAt: null,
          });
        }
        expect(messages.map((message) => message.senderName)).toEqual(["Ann", null, "Ann"]);
        expect(await scene.reader.message(conversationId, (drafts[0] as Draft).id)).toEqual(messages[0]);
      });

      test("one transaction's messages have its number and its time", async () => {
        const given = [await draft(), await draft()];
        const { xid, outcomes } = await log.append(given, { wait: false, recheck: false });
        const [clock] = await scene.ticks.clocks([conversationId]);
        expect(clock).toMatchObject({ clock: 3, movedXid: xid });
        const [at, other] = (await scene.ticks.newMessages(conversationId, ...stretch)).map(
          ({ createdAt }) => createdAt,
        );
        expect(other).toBe(at);
        expect(outcomes).toMatchObject([{ at }, { at }]);
        expect(Math.abs((at as number) - Date.now())).toBeLessThan(60_000);
      });

      test("what was accepted before it is stored has that time, but never an older one than what is before it", async () => {
        const second = await openGroup(["ann"]);
        const begun = Date.now();
        const hour = 3_600_000;
        // The store's own clock, for one that says what its groups' beginnings were.
        const [opened] = await append(await draft({ conversationId: second }));
        const now = opened?.kind === "stored" ? opened.at : 0;
        await new Promise((resolve) => setTimeout(resolve, 30));
        const outcomes = await append(
          await draft({ acceptedAt: now - hour }),
          await draft({ conversationId: second, acceptedAt: now + 7 }),
          await draft({ acceptedAt: now + 9 }),
          await draft({ acceptedAt: now + 8, mentions: ["bob"] }),
          await draft({ conversationId: second, acceptedAt: now + hour }),
          await draft(),
          await draft({ acceptedAt: now + 10 }),
        );
        const times = outcomes.map((outcome) => (outcome.kind === "stored" ? outcome.at - now : null));
        const [late = 0] = times.slice(-1);
        expect(late).toBeGreaterThanOrEqual(30);
        expect(late).toBeLessThan(Date.now() - begun + 1_000);
        // Not before its conversation began.
        expect(times[0]).toBeLessThanOrEqual(0);
        expect(times[0]).toBeGreaterThan(-60_000);
        expect(times.slice(1)).toEqual([7, 9, 9, late, late, late]);
        for (const [of, kept] of [
          [conversationId, [0, 2, 3, 5, 6]],
          [second, [1, 4]],
        ] as const) {
          const stored = (await scene.ticks.newMessages(of, ...stretch)).map(({ createdAt }) => createdAt);
          expect(stored.slice(-kept.length)).toEqual(kept.map((i) => (times[i] as number) + now));
          const [entry] = await scene.reader.entries("ann", [of]);
          expect(entry?.lastMessageAt).toBe(stored.at(-1));
        }
        const [alone] = await append(await draft({ acceptedAt: now }));
        expect(alone).toMatchObject({ kind: "stored", at: now + (late as number) });
      });

      test("several conversations in one batch each have their own clock", async () => {
        const second = await openGroup(["ann"]);
        const drafts = await Promise.all(
          upTo(6).map((i) => draft({ conversationId: i % 2 === 0 ? second : conversationId })),
        );
        expect(await append(...drafts)).toMatchObject(
          [2, 2, 3, 3, 4, 4].map((seq) => ({ kind: "stored", seq })),
        );
      });

      test("a stranger, one who left, and a conversation that is not there are refused and use up no tick", async () => {
        await change({ ...ann(), kind: "remove", userId: "bob" });
        expect(
          await append(
            await draft({ senderId: "stranger" }),
            await draft({ senderId: "bob" }),
            await draft({ conversationId: 2 ** 50 }),
            await draft(),
          ),
        ).toMatchObject([
          { kind: "not_participant" },
          { kind: "not_participant" },
          { kind: "not_participant" },
          { kind: "stored", seq: 3 },
        ]);
      });

      test("a key gives the first result again, or an error for other content", async () => {
        const first = await draft({ idempotencyKey: "k", contentHash: 1 });
        await append(first);
        const again = await draft({ idempotencyKey: "k", contentHash: 1 });
        const other = await draft({ idempotencyKey: "k", contentHash: 2 });
        const bobs = await draft({ idempotencyKey: "k", contentHash: 2, senderId: "bob" });
        expect(await append(again, other, bobs)).toMatchObject([
          { kind: "repeat", id: first.id, seq: 2 },
          { kind: "key_reused" },
          { kind: "stored", seq: 3 },
        ]);
        expect(
          (await scene.reader.messagesByKey(conversationId, "k")).map((m) => m.senderId).toSorted(),
        ).toEqual(["ann", "bob"]);
        expect(await scene.reader.messagesByKey(conversationId, "other")).toEqual([]);
      });

      test("a batch of unknown outcome is looked up by its ids", async () => {
        const drafts = [await draft(), await draft()];
        await append(drafts[0] as Draft);
        const { outcomes } = await log.append(drafts, { wait: true, recheck: true });
        expect(outcomes).toMatchObject([
          { kind: "repeat", id: drafts[0]?.id, seq: 2 },
          { kind: "stored", seq: 3 },
        ]);
      });

      test("what cannot be stored is called poison and leaves nothing behind", async () => {
        await expect(append(await draft(), await draft({ content: "\0" }))).rejects.toMatchObject({
          kind: "poison",
        });
        expect(await scene.ticks.newMessages(conversationId, ...stretch)).toEqual([]);
        expect((await scene.ticks.clocks([conversationId]))[0]?.clock).toBe(1);
      });

      test("pages go back without holes, from where the reader may see", async () => {
        await append(...(await Promise.all(upTo(10).map(() => draft()))));
        const page = async (beforeSeq: number | null, fromSeq = 0) =>
          (await scene.reader.history({ conversationId, beforeSeq, fromSeq, limit: 4 })).map((m) => m.seq);
        expect(await page(null)).toEqual([11, 10, 9, 8]);
        expect(await page(8)).toEqual([7, 6, 5, 4]);
        expect(await page(8, 6)).toEqual([7, 6]);
        expect(await page(2)).toEqual([]);
      });
    });

    describe("counted pages", () => {
      const page = (over: Partial<PageWish> = {}) =>
        scene.reader.page({ conversationId, fromSeq: 0, offset: 0, limit: 100, ...over });
      const seqs = async (over: Partial<PageWish> = {}) => {
        const { messages, total } = await page(over);
        return { total, seqs: messages.map(({ message }) => message.seq) };
      };

      test("are counted back from the newest, past SYSTEM messages and other ticks, to where the reader may see", async () => {
        expect(await page()).toEqual({ messages: [], total: 0 });
        // seq:                 2           3        4          5        6        7         8        9
        const { id } = await send();
        await send({ type: "system" });
        await send();
        await change({ ...ann(), kind: "edit", messageId: id, content: "new" });
        await change({ ...ann(), kind: "settings", name: "x" });
        await append(...(await Promise.all([draft(), draft({ type: "system" }), draft()])));
        await change({ ...ann(), kind: "delete", messageId: id });
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

      test("say how far each message has come with everybody else who is still there", async () => {
        await change({ ...ann(), kind: "add", userIds: ["cyd", "dan"], maxParticipants: 9 });
        await append(...(await Promise.all(upTo(3).map(() => draft()))), await draft({ senderId: "bob" }));
        const states = async () => (await page()).messages.map(({ state }) => state).toReversed();
        const mark = (userId: string, deliveredSeq: number, readSeq = 0) =>
          scene.marks.mark([{ conversationId, userId, deliveredSeq, readSeq }]);
        expect(await states()).toEqual(["sent", "sent", "sent", "sent"]);
        await mark("bob", 4, 3);
        await mark("cyd", 6, 4);
        expect(await states()).toEqual(["sent", "sent", "sent", "sent"]);
        await change({ ...ann(), kind: "remove", userId: "dan" });
        expect(await states()).toEqual(["read", "delivered", "sent", "sent"]);
        await mark("ann", 6);
        expect(await states()).toEqual(["read", "delivered", "sent", "delivered"]);
        await change(
          { ...ann(), kind: "remove", userId: "bob" },
          { ...ann(), kind: "remove", userId: "cyd" },
        );
        expect(await states()).toEqual(["delivered", "delivered", "delivered", "delivered"]);
        await mark("ann", 6, 5);
        expect(await states()).toEqual(["read", "read", "read", "delivered"]);
      });
    });

    describe("what hangs on messages", () => {
      test("pages go on from a message, oldest first, and no further back than the reader may see", async () => {
        await append(...(await Promise.all(upTo(6).map(() => draft()))));
        const after = async (afterSeq: number, fromSeq = 0) =>
          (await scene.reader.historyAfter({ conversationId, afterSeq, fromSeq, limit: 3 })).map(
            (m) => m.seq,
          );
        expect(await after(0)).toEqual([2, 3, 4]);
        expect(await after(4)).toEqual([5, 6, 7]);
        expect(await after(7)).toEqual([]);
        expect(await after(2, 6)).toEqual([6, 7]);
      });

      test("replies and mentions are stored in the batch of their messages, beside plain ones and refused ones", async () => {
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

      test("a repeat adds no reply and no mention", async () => {
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

      test("pins, earlier texts and reactions come and go with their changes", async () => {
        const { id: messageId } = await send({ content: "one" });
        const pin = { ...ann(), kind: "pin", messageId, pin: true, maxPins: 1 } as const;
        const other = await send();
        const react = {
          ...ann(),
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
            { ...ann(), kind: "edit", messageId, content: "two", mentions: ["bob"] },
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
        await change({ ...ann(), kind: "delete", messageId });
        expect(await scene.reader.pins(conversationId, 0)).toEqual([]);
        expect(await scene.reader.edits(about)).toEqual([]);
        expect(await scene.reader.reactions(about)).toEqual([]);
        expect(await scene.reader.entries("bob", [conversationId])).toMatchObject([
          { unread: 1, unreadMentions: 0 },
        ]);
      });

      test("a message is the same however it is read: alone, in a page, in a list, with its change", async () => {
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
          { ...ann(), kind: "react", messageId, emoji: "👍", add: true, maxEmoji: 9 },
          { ...ann(), kind: "edit", messageId, content: "@bob", mentions: ["bob"] },
          { ...ann(), kind: "pin", messageId, pin: true, maxPins: 9 },
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
        const [, missed] = await scene.ticks.newMessages(conversationId, ...stretch);
        const [changed] = await scene.ticks.changedMessages(conversationId, 1_000, 0, 1_000, 9);
        expect([found, messages[0]?.message, missed, changed]).toEqual([message, message, message, message]);
      });

      test("participants are found by id, by name in any case, and by id where they have no name", async () => {
        const called = async (ids: string[], names: string[]) =>
          (await scene.reader.called(conversationId, { ids, names })).toSorted((a, b) =>
            a.userId < b.userId ? -1 : 1,
          );
        expect(await called(["bob", "stranger"], ["aNN", "bob", "ann lee"])).toEqual([
          { userId: "ann", name: "aNN" },
          { userId: "bob", name: null },
          { userId: "bob", name: "bob" },
        ]);
        await change({ ...ann(), kind: "remove", userId: "bob" });
        expect(await called(["bob"], ["bob"])).toEqual([]);
        expect(await called([], [])).toEqual([]);
      });

      test("what counts as unread is set back and read again; marks and what was read when stay", async () => {
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

    describe("changes", () => {
      test("edit, react and delete take a tick each, and none where nothing changes", async () => {
        const { id: messageId } = await send();
        const react = { ...ann(), kind: "react", messageId, emoji: "👍", maxEmoji: 1 } as const;
        expect(
          await change(
            { ...ann(), kind: "edit", messageId, content: "new" },
            { ...ann(), kind: "edit", messageId, content: "new" },
            { ...react, add: true },
            { ...react, add: true },
            { ...react, emoji: "🎉", add: true },
            { ...react, add: false },
            { ...ann(), kind: "delete", messageId },
            { ...ann(), kind: "delete", messageId },
            { ...ann(), kind: "edit", messageId, content: "late" },
            { ...ann(), kind: "edit", messageId: 1, content: "none" },
          ),
        ).toMatchObject([
          { seq: 3, changed: true, message: { content: "new", rev: 3 } },
          { seq: 3, changed: false },
          { seq: 4, changed: true, message: { reactions: { "👍": 1 } } },
          { seq: 4, changed: false },
          { refused: "too_many" },
          { seq: 5, changed: true, message: { reactions: null } },
          { seq: 6, changed: true, message: { content: "", metadata: null } },
          { seq: 6, changed: false },
          { refused: "deleted" },
          { refused: "not_found" },
        ]);
      });

      test("a standing that is no longer so is answered stale and changes nothing", async () => {
        expect(
          await change(
            { ...ann(), asRole: "member", kind: "settings", name: "no" },
            { conversationId, by: "stranger", asRole: "member", kind: "settings", name: "no" },
            { ...ann(), kind: "remove", userId: "bob" },
            { conversationId, by: "bob", asRole: "member", kind: "settings", name: "no" },
          ),
        ).toMatchObject([{ stale: true }, { stale: true }, { seq: 2, changed: true }, { stale: true }]);
      });

      test("a removal decided by a role that the removed no longer has is answered stale", async () => {
        const removal = { ...ann(), kind: "remove", userId: "bob" } as const;
        expect(
          await change(
            { ...ann(), kind: "role", userId: "bob", role: "owner" },
            { ...removal, userRole: "member" },
            { ...removal, userRole: "owner" },
          ),
        ).toMatchObject([{ seq: 2 }, { stale: true }, { seq: 3, changed: true }]);
      });

      test("people come, go, come again and change roles; a group of others keeps an owner", async () => {
        expect(
          await change(
            { ...ann(), kind: "add", userIds: ["cyd", "bob"], maxParticipants: 3 },
            { ...ann(), kind: "add", userIds: ["dan"], maxParticipants: 3 },
            { ...ann(), kind: "remove", userId: "ann" },
            { ...ann(), kind: "role", userId: "ann", role: "member" },
            { ...ann(), kind: "role", userId: "bob", role: "owner" },
            { ...ann(), kind: "remove", userId: "cyd" },
            { ...ann(), kind: "remove", userId: "cyd" },
            { ...ann(), kind: "add", userIds: ["cyd"], maxParticipants: 3 },
          ),
        ).toMatchObject([
          { seq: 2, participants: [{ userId: "cyd", role: "member", joinedSeq: 2 }] },
          { refused: "too_many" },
          { refused: "last_owner" },
          { refused: "last_owner" },
          { seq: 3, changed: true },
          { seq: 4, changed: true },
          { refused: "not_found" },
          { seq: 5, head: { conversation: { participantCount: 3, clock: 5 } } },
        ]);
        expect(await scene.reader.standing(conversationId, "cyd")).toMatchObject({
          role: "member",
          joinedSeq: 5,
        });
        expect(await scene.reader.standing(conversationId, "dan")).toMatchObject({
          role: null,
          joinedSeq: 0,
        });
        expect(await scene.reader.standing(2 ** 50, "ann")).toBeNull();
      });

      test("settings change what is named and leave the rest", async () => {
        await change({ ...ann(), kind: "settings", description: "d", settings: { allowReactions: false } });
        await change({ ...ann(), kind: "settings", name: null });
        const [entry] = await scene.reader.entries("ann", [conversationId]);
        expect(entry?.head.conversation).toMatchObject({
          name: null,
          description: "d",
          avatarUrl: null,
          settings: { ...DEFAULT_SETTINGS, allowReactions: false },
          clock: 3,
        });
      });

      test("the number of the batch before gives what that one gave", async () => {
        const rename = { ...ann(), kind: "settings", name: "once" } as const;
        const first = await log.change([rename], { batch: ++batch });
        expect(await log.change([rename], { batch })).toEqual(first);
        expect(await log.change([rename], { batch: ++batch })).toMatchObject({ outcomes: [{ seq: 3 }] });
      });
    });

    describe("marks and lists", () => {
      test("marks go forward only, at most to the clock, and read is delivered too", async () => {
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

      test("single messages are read without those below them, and tell of a mark where it moves", async () => {
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

      test("the list shows nothing from before one's joining where history is not visible", async () => {
        await send({ content: "before" });
        const late = `late-${conversationId}`;
        await change({ ...ann(), kind: "settings", settings: { historyVisible: false } });
        await change({ ...ann(), kind: "add", userIds: [late], maxParticipants: 10 });
        const latest = async (userId: string) =>
          (await scene.reader.entries(userId, [conversationId])).map((entry) => entry.lastMessage?.content);
        expect([await latest("bob"), await latest(late)]).toEqual([["before"], [undefined]]);
        await send({ content: "after" });
        expect(await latest(late)).toEqual(["after"]);
      });

      test("others' marks are told in conversations up to a size, one's own in all", async () => {
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

      test("the list has the newest first, with what is unread, page by page", async () => {
        const reader = `reader-${conversationId}`;
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

    describe("ticks", () => {
      test("what is new and what changed are told apart and paged", async () => {
        const first = await send();
        await append(...(await Promise.all(upTo(5).map(() => draft()))));
        await change({ ...ann(), kind: "edit", messageId: first.id, content: "new" });
        const seqs = async (since: number, through: number, limit: number) =>
          (await scene.ticks.newMessages(conversationId, since, through, limit)).map((m) => m.seq);
        expect(await seqs(2, 6, 2)).toEqual([3, 4]);
        expect(await seqs(4, 6, 10)).toEqual([5, 6]);
        const changed = async (newerThan: number, since: number, through: number) =>
          (await scene.ticks.changedMessages(conversationId, newerThan, since, through, 10)).map(
            (m) => m.rev,
          );
        expect(await changed(4, 4, 8)).toEqual([8]);
        expect(await changed(4, 4, 7)).toEqual([]);
        expect(await changed(4, 8, 9)).toEqual([]);
        expect(await changed(1, 4, 8)).toEqual([]);
      });

      test("who came and went in a stretch, and nothing where nobody did", async () => {
        await send();
        await change({ ...ann(), kind: "add", userIds: ["cyd"], maxParticipants: 9 });
        await change({ ...ann(), kind: "remove", userId: "bob" });
        await change({ ...ann(), kind: "role", userId: "cyd", role: "admin" });
        const ticks = (since: number, through: number) =>
          scene.ticks.conversationTicks(conversationId, since, through);
        expect(await ticks(1, 2)).toMatchObject({ head: null, created: false, added: [], removed: [] });
        expect(await ticks(0, 5)).toMatchObject({
          created: true,
          added: expect.arrayContaining([expect.objectContaining({ userId: "cyd", role: "admin" })]),
          removed: [{ userId: "bob", leftSeq: 4 }],
        });
        expect(await ticks(4, 5)).toMatchObject({ added: [], updated: [{ userId: "cyd" }], removed: [] });
      });

      test("one horizon parts what is told from what is not: moved, tick before, sweep", async () => {
        const before = await scene.ticks.sweep({ clocks: [], userIds: [], since: 0, lookBackMs: 0 });
        await send();
        const { id: messageId } = await send();
        const middle = await scene.ticks.nextXid();
        await change({ ...ann(), kind: "edit", messageId, content: "new" });
        await change({ ...ann(), kind: "add", userIds: ["cyd"], maxParticipants: 9 });

        expect(await scene.ticks.tickBefore(conversationId, before.horizon)).toBe(1);
        expect(await scene.ticks.tickBefore(conversationId, middle)).toBe(3);
        expect(await scene.ticks.tickBefore(conversationId, await scene.ticks.nextXid())).toBe(5);
        const moved = async (since: number) =>
          (await scene.ticks.moved("bob", since)).filter((one) => one.conversationId === conversationId);
        expect(await moved(middle)).toMatchObject([
          { clock: 5, joinedSeq: 1, leftSeq: null, historyVisible: true },
        ]);
        expect(await moved(await scene.ticks.nextXid())).toEqual([]);

        const after = await scene.ticks.sweep({
          clocks: [
            { conversationId, clock: 3 },
            { conversationId: await openGroup(["ann"]), clock: 1 },
          ],
          userIds: ["cyd", "bob"],
          since: middle,
          lookBackMs: 0,
        });
        expect(after.horizon).toBeGreaterThan(middle);
        expect(after.ahead).toMatchObject([{ conversationId, clock: 5, participantCount: 3 }]);
        expect(after.joined.filter((one) => one.conversationId === conversationId)).toEqual([
          { userId: "cyd", conversationId, joinedSeq: 5 },
        ]);
      });

      test("asked together by many, each gets its own answer", async () => {
        const other = await openGroup(["ann", "cyd"]);
        const first = await send();
        await append(...(await Promise.all(upTo(150).map(() => draft()))));
        await change({ ...ann(), kind: "edit", messageId: first.id, content: "new" });
        await change({ ...ann(), kind: "add", userIds: ["cyd"], maxParticipants: 9 });
        const stretches = [
          [conversationId, 0, 2],
          [conversationId, 1, 60],
          [conversationId, 40, 60],
          [conversationId, 0, 154],
          [other, 0, 1],
          [conversationId, 1, 60],
        ] as const;
        const questions: (() => Promise<unknown>)[] = stretches.flatMap<() => Promise<unknown>>(
          ([id, since, through]) => [
            () => scene.ticks.newMessages(id, since, through, 70),
            () => scene.ticks.changedMessages(id, 60, since, through, 70),
            () => scene.ticks.conversationTicks(id, since, through),
            () => scene.ticks.tickBefore(id, 2 ** 40 + through),
          ],
        );
        questions.push(
          ...["ann", "bob", "cyd", "nobody"].flatMap((userId) => [
            () => scene.ticks.moved(userId, 1),
            () => scene.ticks.marksSince(userId, 0, 100),
            () => scene.ticks.marksSince(userId, 0, 1),
            () => scene.ticks.leftSince(userId, 1),
            () => scene.reader.entries(userId, [conversationId, other], true),
            () => scene.reader.entries(userId, [other]),
          ]),
        );
        const alone: unknown[] = [];
        for (const ask of questions) alone.push(await ask());
        expect(await Promise.all(questions.map((ask) => ask()))).toEqual(alone);
        expect(alone[0]).toHaveLength(1);
        expect(alone[4]).toHaveLength(59);
        expect(alone[12]).toHaveLength(70);
        expect(alone[16]).toEqual([]);
        expect(alone[18]).toMatchObject({ created: true });
      });

      test("memberships and standings are those of now, left ones by their tick", async () => {
        await change({ ...ann(), kind: "remove", userId: "bob" });
        const of = await scene.ticks.memberships(["ann", "bob"]);
        expect(of.filter((one) => one.conversationId === conversationId)).toEqual([
          { userId: "ann", conversationId, joinedSeq: 1 },
        ]);
        expect(await scene.ticks.standings("bob", [conversationId])).toMatchObject([
          { leftSeq: 2, clock: 2 },
        ]);
        const [{ movedXid = 0 } = {}] = await scene.ticks.clocks([conversationId]);
        expect(await scene.ticks.leftSince("bob", movedXid)).toContain(conversationId);
        expect(await scene.ticks.leftSince("bob", movedXid + 1)).not.toContain(conversationId);
        expect(await scene.ticks.leftSince("ann", 1)).not.toContain(conversationId);
        await change({ ...ann(), kind: "add", userIds: ["bob"], maxParticipants: 9 });
        expect(await scene.ticks.leftSince("bob", 1)).not.toContain(conversationId);
      });
    });

    describe("people", () => {
      const named = (name: string) => `${name}-${conversationId}`;

      test("preferences are one's own; what is not named stays, and nobody's are set who takes no part", async () => {
        const set = (userId: string, wish: object) =>
          scene.people.setPreferences(conversationId, userId, wish);
        await send();
        expect(await set("bob", { archived: true, level: "none" })).toEqual({
          muted: false,
          pinned: false,
          archived: true,
          level: "none",
        });
        expect(await set("bob", { pinned: true })).toMatchObject({ archived: true, pinned: true });
        await send();
        expect(await set("bob", { muted: true })).toMatchObject({ archived: false, muted: true });
        expect(await set("ann", {})).toMatchObject({ muted: false, level: "all" });
        expect(await set("stranger", { muted: true })).toBeNull();
        expect((await scene.ticks.clocks([conversationId]))[0]?.clock).toBe(3);
      });

      test("what is hidden is in no list until its next message", async () => {
        await send();
        expect([
          await scene.people.hide(conversationId, "bob"),
          await scene.people.hide(conversationId, "bob"),
          await scene.people.hide(conversationId, "stranger"),
        ]).toEqual([true, false, false]);
        const isListed = async () => {
          const page = await scene.reader.inbox({ userId: "bob", limit: 100, after: null, list: "all" });
          return page.some((entry) => entry.head.conversation.id === conversationId);
        };
        expect(await isListed()).toBe(false);
        await send();
        expect(await isListed()).toBe(true);
      });

      test("blocks are made and taken back once each, and seen from either side", async () => {
        const [one, other] = [named("one"), named("other")];
        await scene.users.ensure([
          { id: one, name: null },
          { id: other, name: "Other" },
        ]);
        const block = async (blocked: boolean) =>
          (await scene.people.setBlock(one, other, named("pair"), blocked)).changed;
        expect([await block(true), await block(true)]).toEqual([true, false]);
        expect(await scene.people.blocks(one)).toMatchObject([{ user: { id: other, name: "Other" } }]);
        expect(await scene.people.barredFrom([one, other, "ann"])).toEqual(
          new Map([
            [one, [other]],
            [other, [one]],
          ]),
        );
        expect([await block(false), await block(false)]).toEqual([true, false]);
        expect(await scene.people.barredFrom([one])).toEqual(new Map());
      });

      test("a pair's conversation is barred to both while there is a block, also one made before it", async () => {
        const people = [named("one"), named("other")] as [string, string];
        const pair = named("pair");
        const openDirect = async (name: string) => {
          const id = await scene.ids.conversation();
          const [outcome] = await change({
            kind: "open",
            conversationId: id,
            by: null,
            asRole: null,
            conversationKind: "direct",
            name: null,
            people: people.map((userId) => ({ userId, role: "member" as const })),
            pair: name,
            settings: DEFAULT_SETTINGS,
          });
          expect(outcome).toMatchObject({ conversationId: id });
          return id;
        };
        const id = await openDirect(pair);
        const say = async (at: number) => append(await draft({ conversationId: at, senderId: people[1] }));
        expect(await say(id)).toMatchObject([{ kind: "stored" }]);
        expect(await scene.people.setBlock(...people, pair, true)).toEqual({ changed: true, directId: id });
        expect(await say(id)).toEqual([{ kind: "barred" }]);
        expect((await scene.reader.standing(id, people[0]))?.isBarred).toBe(true);
        const late = await openDirect(named("another pair of these two"));
        expect(await say(late)).toEqual([{ kind: "barred" }]);
        await scene.people.setBlock(...people, pair, false);
        const both = [await draft({ conversationId: id, senderId: people[0] }), await draft()];
        expect(await append(...both)).toMatchObject([{ kind: "stored" }, { kind: "stored" }]);
      });

      test("who shares a conversation, of any size or up to one", async () => {
        const [a, b] = [named("a"), named("b")];
        await openGroup([a, b, "ann"]);
        const of = (max: number | null) => scene.people.acquainted(a, [b, "ann", "bob", "nobody"], max);
        expect(await of(null)).toEqual(new Set([b, "ann"]));
        expect([await of(3), await of(2)]).toEqual([new Set([b, "ann"]), new Set()]);
      });

      test("whom one shares a small conversation with, each once, by pages; not oneself, nor who has left", async () => {
        const [a, b, C, gone] = [named("a"), named("b"), named("C"), named("gone")];
        await openGroup([a, b, C]);
        await openGroup([a, C]);
        await openGroup([a, gone, named("d"), named("e")]);
        const left = await openGroup([a, gone]);
        await change({ kind: "remove", conversationId: left, by: gone, userId: gone, asRole: "member" });
        const page = (after: string | null, limit: number, maxParticipants = 3) =>
          scene.people.contacts(a, { maxParticipants, after, limit });
        expect(await page(null, 10)).toEqual([C, b]);
        expect(await page(null, 1)).toEqual([C]);
        expect([await page(C, 1), await page(b, 1)]).toEqual([[b], []]);
        expect(await page(null, 10, 4)).toEqual([C, b, named("d"), named("e"), gone]);
      });

      test("a deletion for everyone takes one tick, everybody out and the name away; its reference is free", async () => {
        const open = async (): Promise<ChangeOutcome | undefined> => {
          const [outcome] = await change({
            kind: "open",
            conversationId: await scene.ids.conversation(),
            by: null,
            asRole: null,
            conversationKind: "group",
            name: "SECRET",
            description: "SECRET",
            people: [
              { userId: "ann", role: "owner" },
              { userId: "bob", role: "member" },
            ],
            ref: named("ref"),
            hash: 1,
            settings: DEFAULT_SETTINGS,
          });
          return outcome;
        };
        const first = (await open()) as { conversationId: number };
        conversationId = first.conversationId;
        const gone = await change({ ...ann(), kind: "delete-conversation" });
        expect(gone).toMatchObject([
          {
            seq: 2,
            changed: true,
            head: { conversation: { name: null, participantCount: 0 }, participants: [] },
          },
        ]);
        expect([...((gone[0] as { readonly removed?: readonly string[] }).removed ?? [])].sort()).toEqual([
          "ann",
          "bob",
        ]);
        expect(await change({ ...ann(), kind: "delete-conversation" })).toEqual([{ stale: true }]);
        expect(await append(await draft())).toEqual([{ kind: "not_participant" }]);
        expect(await scene.reader.standing(conversationId, "ann")).toBeNull();
        expect(await scene.reader.standing(conversationId, null)).toBeNull();
        const ticks = await scene.ticks.conversationTicks(conversationId, 1, 2);
        expect(ticks).toMatchObject({ deleted: true, head: { conversation: { name: null } } });
        expect(JSON.stringify(ticks)).not.toContain("SECRET");
        expect(await scene.ticks.standings("bob", [conversationId])).toMatchObject([
          { leftSeq: 2, deleted: true },
        ]);
        expect(await open()).toMatchObject({ changed: true });
      });

      test("who was deactivated lately is found by the sweep, while they are", async () => {
        const id = named("gone");
        await scene.users.ensure([{ id, name: null }]);
        const found = async (lookBackMs: number) =>
          (await scene.ticks.sweep({ clocks: [], userIds: [], since: 0, lookBackMs })).deactivated.includes(
            id,
          );
        expect(await scene.people.setDeactivated(named("nobody"), true)).toBeNull();
        expect(await scene.people.setDeactivated(id, true)).toBe(true);
        expect(await scene.people.setDeactivated(id, true)).toBe(false);
        expect([await found(60_000), await found(-60_000)]).toEqual([true, false]);
        await scene.people.setDeactivated(id, false);
        expect(await found(60_000)).toBe(false);
      });
    });

    describe("users and ids", () => {
      test("users are made once; a name that is given replaces the one that is there", async () => {
        const id = `user-${conversationId}`;
        await Promise.all(upTo(10).map(() => scene.users.ensure([{ id, name: "First" }])));
        await scene.users.ensure([{ id, name: null }]);
        expect(await scene.users.find([id, "nobody at all"])).toEqual([
          { id, name: "First", avatarUrl: null, status: "online", lastSeenAt: null, deactivated: false },
        ]);
        await scene.users.ensure([{ id, name: "Second" }]);
        await scene.users.setStatus(id, "dnd");
        await scene.users.setLastSeen([{ id, at: Date.now() }]);
        expect(await scene.users.find([id])).toMatchObject([{ name: "Second", status: "dnd" }]);
      });

      test("when people were last here is not kept of those who appear offline", async () => {
        const ids = ["seen", "hidden"].map((name) => `${name}-${conversationId}`) as [string, string];
        await scene.users.ensure(ids.map((id) => ({ id, name: null })));
        await scene.users.setStatus(ids[1], "offline");
        const seen = (at: number, ...more: string[]) =>
          scene.users.setLastSeen([...ids, ...more].map((id) => ({ id, at })));
        expect(await seen(1_000, "nobody at all")).toEqual(new Set([ids[0]]));
        await scene.users.setStatus(ids[1], "away");
        expect(await seen(2_000)).toEqual(new Set(ids));
      });

      test("each was last here when that is said, and never earlier than is stored", async () => {
        const ids = ["early", "late"].map((name) => `${name}-${conversationId}`) as [string, string];
        await scene.users.ensure(ids.map((id) => ({ id, name: null })));
        const times = async () => {
          const found = new Map((await scene.users.find(ids)).map((user) => [user.id, user.lastSeenAt]));
          return ids.map((id) => found.get(id));
        };
        await scene.users.setLastSeen([
          { id: ids[1], at: 5_000 },
          { id: ids[0], at: 3_000 },
        ]);
        expect(await times()).toEqual([3_000, 5_000]);
        await scene.users.setLastSeen(ids.map((id) => ({ id, at: 4_000 })));
        expect(await times()).toEqual([4_000, 5_000]);
      });

      test("ids are whole numbers below 2^53 and never the same, in any rush", async () => {
        const ids = await Promise.all(upTo(5_000).map(() => scene.ids.message()));
        expect(new Set(ids).size).toBe(5_000);
        expect(ids.every((id) => Number.isSafeInteger(id) && id > 0)).toBe(true);
      });

      test("the epoch is one and stays", async () => {
        const epoch = await scene.ticks.epoch();
        expect(epoch).toMatch(/^[0-9a-z]{8,}$/);
        expect(await scene.ticks.epoch()).toBe(epoch);
      });
    });
  });
}

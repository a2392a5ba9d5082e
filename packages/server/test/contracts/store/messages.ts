import { describe, expect } from "vitest";
import type { Draft } from "../../../src/core/ports/message-log.ts";
import { upTo } from "../../support/node.ts";
import { ALL_TICKS, type StoreTest } from "./fixture.ts";

export function messages(test: StoreTest): void {
  describe("messages", () => {
    test("are stored in their order and read back byte for byte", async (fixture) => {
      const { scene, conversationId, draft, append } = fixture;
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

    test("one transaction's messages have its number and its time", async (fixture) => {
      const { scene, log, conversationId, draft } = fixture;
      const given = [await draft(), await draft()];
      const { xid, outcomes } = await log.append(given, { wait: false, recheck: false });
      const [clock] = await scene.ticks.clocks([conversationId]);
      expect(clock).toMatchObject({ clock: 3, movedXid: xid });
      const [at, other] = (await scene.ticks.newMessages(conversationId, ...ALL_TICKS)).map(
        ({ createdAt }) => createdAt,
      );
      expect(other).toBe(at);
      expect(outcomes).toMatchObject([{ at }, { at }]);
      expect(Math.abs((at as number) - Date.now())).toBeLessThan(60_000);
    });

    test("what was accepted before it is stored has that time, but never an older one than what is before it", async (fixture) => {
      const { scene, conversationId, openGroup, draft, append } = fixture;
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
        const stored = (await scene.ticks.newMessages(of, ...ALL_TICKS)).map(({ createdAt }) => createdAt);
        expect(stored.slice(-kept.length)).toEqual(kept.map((i) => (times[i] as number) + now));
        const [entry] = await scene.reader.entries("ann", [of]);
        expect(entry?.lastMessageAt).toBe(stored.at(-1));
      }
      const [alone] = await append(await draft({ acceptedAt: now }));
      expect(alone).toMatchObject({ kind: "stored", at: now + (late as number) });
    });

    test("several conversations in one batch each have their own clock", async (fixture) => {
      const { conversationId, openGroup, draft, append } = fixture;
      const second = await openGroup(["ann"]);
      const drafts = await Promise.all(
        upTo(6).map((i) => draft({ conversationId: i % 2 === 0 ? second : conversationId })),
      );
      expect(await append(...drafts)).toMatchObject(
        [2, 2, 3, 3, 4, 4].map((seq) => ({ kind: "stored", seq })),
      );
    });

    test("a stranger, one who left, and a conversation that is not there are refused and use up no tick", async (fixture) => {
      const { ann, change, draft, append } = fixture;
      await change({ ...ann, kind: "remove", userId: "bob" });
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

    test("a key gives the first result again, or an error for other content", async (fixture) => {
      const { scene, conversationId, draft, append } = fixture;
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

    test("a batch of unknown outcome is looked up by its ids", async (fixture) => {
      const { log, draft, append } = fixture;
      const drafts = [await draft(), await draft()];
      await append(drafts[0] as Draft);
      const { outcomes } = await log.append(drafts, { wait: true, recheck: true });
      expect(outcomes).toMatchObject([
        { kind: "repeat", id: drafts[0]?.id, seq: 2 },
        { kind: "stored", seq: 3 },
      ]);
    });

    test("what cannot be stored is called poison and leaves nothing behind", async (fixture) => {
      const { scene, conversationId, draft, append } = fixture;
      await expect(append(await draft(), await draft({ content: "\0" }))).rejects.toMatchObject({
        kind: "poison",
      });
      expect(await scene.ticks.newMessages(conversationId, ...ALL_TICKS)).toEqual([]);
      expect((await scene.ticks.clocks([conversationId]))[0]?.clock).toBe(1);
    });

    test("pages go back without holes, from where the reader may see", async (fixture) => {
      const { scene, conversationId, draft, append } = fixture;
      await append(...(await Promise.all(upTo(10).map(() => draft()))));
      const page = async (beforeSeq: number | null, fromSeq = 0) =>
        (await scene.reader.history({ conversationId, beforeSeq, fromSeq, limit: 4 })).map((m) => m.seq);
      expect(await page(null)).toEqual([11, 10, 9, 8]);
      expect(await page(8)).toEqual([7, 6, 5, 4]);
      expect(await page(8, 6)).toEqual([7, 6]);
      expect(await page(2)).toEqual([]);
    });
  });
}

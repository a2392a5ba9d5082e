import { describe, expect } from "vitest";
import { upTo } from "../../support/node.ts";
import type { StoreTest } from "./fixture.ts";

export function ticks(test: StoreTest): void {
  describe("ticks", () => {
    test("what is new and what changed are told apart and paged", async (fixture) => {
      const { scene, conversationId, ann, change, draft, append, send } = fixture;
      const first = await send();
      await append(...(await Promise.all(upTo(5).map(() => draft()))));
      await change({ ...ann, kind: "edit", messageId: first.id, content: "new" });
      const seqs = async (since: number, through: number, limit: number) =>
        (await scene.ticks.newMessages(conversationId, since, through, limit)).map((m) => m.seq);
      expect(await seqs(2, 6, 2)).toEqual([3, 4]);
      expect(await seqs(4, 6, 10)).toEqual([5, 6]);
      const changed = async (newerThan: number, since: number, through: number) =>
        (await scene.ticks.changedMessages(conversationId, newerThan, since, through, 10)).map((m) => m.rev);
      expect(await changed(4, 4, 8)).toEqual([8]);
      expect(await changed(4, 4, 7)).toEqual([]);
      expect(await changed(4, 8, 9)).toEqual([]);
      expect(await changed(1, 4, 8)).toEqual([]);
    });

    test("who came and went in a stretch, and nothing where nobody did", async (fixture) => {
      const { scene, conversationId, ann, change, send } = fixture;
      await send();
      await change({ ...ann, kind: "add", userIds: ["cyd"], maxParticipants: 9 });
      await change({ ...ann, kind: "remove", userId: "bob" });
      await change({ ...ann, kind: "role", userId: "cyd", role: "admin" });
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

    test("one horizon parts what is told from what is not: moved, tick before, sweep", async (fixture) => {
      const { scene, conversationId, ann, openGroup, change, send } = fixture;
      const before = await scene.ticks.sweep({ clocks: [], userIds: [], since: 0, lookBackMs: 0 });
      await send();
      const { id: messageId } = await send();
      const middle = await scene.ticks.nextXid();
      await change({ ...ann, kind: "edit", messageId, content: "new" });
      await change({ ...ann, kind: "add", userIds: ["cyd"], maxParticipants: 9 });

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

    test("asked together by many, each gets its own answer", async (fixture) => {
      const { scene, conversationId, ann, openGroup, change, draft, append, send } = fixture;
      const other = await openGroup(["ann", "cyd"]);
      const first = await send();
      await append(...(await Promise.all(upTo(150).map(() => draft()))));
      await change({ ...ann, kind: "edit", messageId: first.id, content: "new" });
      await change({ ...ann, kind: "add", userIds: ["cyd"], maxParticipants: 9 });
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

    test("memberships and standings are those of now, left ones by their tick", async (fixture) => {
      const { scene, conversationId, ann, change } = fixture;
      await change({ ...ann, kind: "remove", userId: "bob" });
      const of = await scene.ticks.memberships(["ann", "bob"]);
      expect(of.filter((one) => one.conversationId === conversationId)).toEqual([
        { userId: "ann", conversationId, joinedSeq: 1 },
      ]);
      expect(await scene.ticks.standings("bob", [conversationId])).toMatchObject([{ leftSeq: 2, clock: 2 }]);
      const [{ movedXid = 0 } = {}] = await scene.ticks.clocks([conversationId]);
      expect(await scene.ticks.leftSince("bob", movedXid)).toContain(conversationId);
      expect(await scene.ticks.leftSince("bob", movedXid + 1)).not.toContain(conversationId);
      expect(await scene.ticks.leftSince("ann", 1)).not.toContain(conversationId);
      await change({ ...ann, kind: "add", userIds: ["bob"], maxParticipants: 9 });
      expect(await scene.ticks.leftSince("bob", 1)).not.toContain(conversationId);
    });
  });
}

import { DEFAULT_SETTINGS } from "@parlance/protocol/model.ts";
import { describe, expect } from "vitest";
import type { ChangeOutcome } from "../../../src/core/ports/message-log.ts";
import type { StoreTest } from "./fixture.ts";

export function people(test: StoreTest): void {
  describe("people", () => {
    test("preferences are one's own; what is not named stays, and nobody's are set who takes no part", async (fixture) => {
      const { scene, conversationId, send } = fixture;
      const set = (userId: string, wish: object) => scene.people.setPreferences(conversationId, userId, wish);
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

    test("what is hidden is in no list until its next message", async (fixture) => {
      const { scene, conversationId, send } = fixture;
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

    test("blocks are made and taken back once each, and seen from either side", async (fixture) => {
      const { scene, named } = fixture;
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

    test("a pair's conversation is barred to both while there is a block, also one made before it", async (fixture) => {
      const { scene, named, change, draft, append } = fixture;
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

    test("who shares a conversation, of any size or up to one", async (fixture) => {
      const { scene, named, openGroup } = fixture;
      const [a, b] = [named("a"), named("b")];
      await openGroup([a, b, "ann"]);
      const of = (max: number | null) => scene.people.acquainted(a, [b, "ann", "bob", "nobody"], max);
      expect(await of(null)).toEqual(new Set([b, "ann"]));
      expect([await of(3), await of(2)]).toEqual([new Set([b, "ann"]), new Set()]);
    });

    test("whom one shares a small conversation with, each once, by pages; not oneself, nor who has left", async (fixture) => {
      const { scene, named, openGroup, change } = fixture;
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

    test("a deletion for everyone takes one tick, everybody out and the name away; its reference is free", async (fixture) => {
      const { scene, named, change, draft, append } = fixture;
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
      const { conversationId } = (await open()) as { conversationId: number };
      const deletion = { conversationId, by: "ann", asRole: "owner", kind: "delete-conversation" } as const;
      const gone = await change(deletion);
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
      expect(await change(deletion)).toEqual([{ stale: true }]);
      expect(await append(await draft({ conversationId }))).toEqual([{ kind: "not_participant" }]);
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

    test("who was deactivated lately is found by the sweep, while they are", async (fixture) => {
      const { scene, named } = fixture;
      const id = named("gone");
      await scene.users.ensure([{ id, name: null }]);
      const found = async (lookBackMs: number) =>
        (await scene.ticks.sweep({ clocks: [], userIds: [], since: 0, lookBackMs })).deactivated.includes(id);
      expect(await scene.people.setDeactivated(named("nobody"), true)).toBeNull();
      expect(await scene.people.setDeactivated(id, true)).toBe(true);
      expect(await scene.people.setDeactivated(id, true)).toBe(false);
      expect([await found(60_000), await found(-60_000)]).toEqual([true, false]);
      await scene.people.setDeactivated(id, false);
      expect(await found(60_000)).toBe(false);
    });
  });
}

import { DEFAULT_SETTINGS } from "@parlance/protocol/model.ts";
import { describe, expect } from "vitest";
import type { StoreTest } from "./fixture.ts";

export function changes(test: StoreTest): void {
  describe("changes", () => {
    test("edit, react and delete take a tick each, and none where nothing changes", async (fixture) => {
      const { ann, change, send } = fixture;
      const { id: messageId } = await send();
      const react = { ...ann, kind: "react", messageId, emoji: "👍", maxEmoji: 1 } as const;
      expect(
        await change(
          { ...ann, kind: "edit", messageId, content: "new" },
          { ...ann, kind: "edit", messageId, content: "new" },
          { ...react, add: true },
          { ...react, add: true },
          { ...react, emoji: "🎉", add: true },
          { ...react, add: false },
          { ...ann, kind: "delete", messageId },
          { ...ann, kind: "delete", messageId },
          { ...ann, kind: "edit", messageId, content: "late" },
          { ...ann, kind: "edit", messageId: 1, content: "none" },
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

    test("a standing that is no longer so is answered stale and changes nothing", async (fixture) => {
      const { conversationId, ann, change } = fixture;
      expect(
        await change(
          { ...ann, asRole: "member", kind: "settings", name: "no" },
          { conversationId, by: "stranger", asRole: "member", kind: "settings", name: "no" },
          { ...ann, kind: "remove", userId: "bob" },
          { conversationId, by: "bob", asRole: "member", kind: "settings", name: "no" },
        ),
      ).toMatchObject([{ stale: true }, { stale: true }, { seq: 2, changed: true }, { stale: true }]);
    });

    test("a removal decided by a role that the removed no longer has is answered stale", async (fixture) => {
      const { ann, change } = fixture;
      const removal = { ...ann, kind: "remove", userId: "bob" } as const;
      expect(
        await change(
          { ...ann, kind: "role", userId: "bob", role: "owner" },
          { ...removal, userRole: "member" },
          { ...removal, userRole: "owner" },
        ),
      ).toMatchObject([{ seq: 2 }, { stale: true }, { seq: 3, changed: true }]);
    });

    test("people come, go, come again and change roles; a group of others keeps an owner", async (fixture) => {
      const { scene, conversationId, ann, change } = fixture;
      expect(
        await change(
          { ...ann, kind: "add", userIds: ["cyd", "bob"], maxParticipants: 3 },
          { ...ann, kind: "add", userIds: ["dan"], maxParticipants: 3 },
          { ...ann, kind: "remove", userId: "ann" },
          { ...ann, kind: "role", userId: "ann", role: "member" },
          { ...ann, kind: "role", userId: "bob", role: "owner" },
          { ...ann, kind: "remove", userId: "cyd" },
          { ...ann, kind: "remove", userId: "cyd" },
          { ...ann, kind: "add", userIds: ["cyd"], maxParticipants: 3 },
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

    test("settings change what is named and leave the rest", async (fixture) => {
      const { scene, conversationId, ann, change } = fixture;
      await change({ ...ann, kind: "settings", description: "d", settings: { allowReactions: false } });
      await change({ ...ann, kind: "settings", name: null });
      const [entry] = await scene.reader.entries("ann", [conversationId]);
      expect(entry?.head.conversation).toMatchObject({
        name: null,
        description: "d",
        avatarUrl: null,
        settings: { ...DEFAULT_SETTINGS, allowReactions: false },
        clock: 3,
      });
    });

    test("the number of the batch before gives what that one gave", async (fixture) => {
      const { log, ann, nextBatch } = fixture;
      const rename = { ...ann, kind: "settings", name: "once" } as const;
      const batch = nextBatch();
      const first = await log.change([rename], { batch });
      expect(await log.change([rename], { batch })).toEqual(first);
      expect(await log.change([rename], { batch: nextBatch() })).toMatchObject({ outcomes: [{ seq: 3 }] });
    });
  });
}

import { describe, expect } from "vitest";
import { upTo } from "../../support/node.ts";
import type { StoreTest } from "./fixture.ts";

export function usersAndIds(test: StoreTest): void {
  describe("users and ids", () => {
    test("users are made once; a name that is given replaces the one that is there", async (fixture) => {
      const { scene, named } = fixture;
      const id = named("user");
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

    test("when people were last here is not kept of those who appear offline", async (fixture) => {
      const { scene, named } = fixture;
      const ids = [named("seen"), named("hidden")] as const;
      await scene.users.ensure(ids.map((id) => ({ id, name: null })));
      await scene.users.setStatus(ids[1], "offline");
      const seen = (at: number, ...more: string[]) =>
        scene.users.setLastSeen([...ids, ...more].map((id) => ({ id, at })));
      expect(await seen(1_000, "nobody at all")).toEqual(new Set([ids[0]]));
      await scene.users.setStatus(ids[1], "away");
      expect(await seen(2_000)).toEqual(new Set(ids));
    });

    test("each was last here when that is said, and never earlier than is stored", async (fixture) => {
      const { scene, named } = fixture;
      const ids = [named("early"), named("late")] as const;
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

    test("ids are whole numbers below 2^53 and never the same, in any rush", async (fixture) => {
      const { scene } = fixture;
      const ids = await Promise.all(upTo(5_000).map(() => scene.ids.message()));
      expect(new Set(ids).size).toBe(5_000);
      expect(ids.every((id) => Number.isSafeInteger(id) && id > 0)).toBe(true);
    });

    test("the epoch is one and stays", async (fixture) => {
      const { scene } = fixture;
      const epoch = await scene.ticks.epoch();
      expect(epoch).toMatch(/^[0-9a-z]{8,}$/);
      expect(await scene.ticks.epoch()).toBe(epoch);
    });
  });
}

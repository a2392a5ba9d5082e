import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { PresenceRegistry } from "../../src/core/ports/presence-registry.ts";

/** The same registry as several nodes see it; within one process there is one. */
export interface PresenceScene {
  readonly registries: readonly [PresenceRegistry, ...PresenceRegistry[]];
  close(): Promise<void>;
}

/** What `core/ports/presence-registry.ts` promises, for every registry there is. */
export function presenceContract(name: string, open: () => Promise<PresenceScene>): void {
  describe(name, () => {
    let scene: PresenceScene;
    let one: PresenceRegistry;
    let other: PresenceRegistry;

    beforeEach(async () => {
      scene = await open();
      [one] = scene.registries;
      other = scene.registries.at(-1) as PresenceRegistry;
    });
    afterEach(() => scene.close());

    test("the first connection of a user is told from further ones, the last from those before", async () => {
      expect(await one.opened("ann", "s1", null)).toBe(true);
      expect(await other.opened("ann", "s2", null)).toBe(false);
      expect(await one.closed("ann", "s1")).toBe(false);
      expect(await other.closed("ann", "s2")).toBe(true);
      expect(await one.opened("ann", "s3", null)).toBe(true);
    });

    test("who has a connection is online, on every node, and nobody else", async () => {
      await one.opened("ann", "s1", null);
      await other.opened("bob", "s2", null);
      await other.opened("cyd", "s3", null);
      await other.closed("cyd", "s3");
      for (const registry of scene.registries) {
        const online = await registry.online(["ann", "bob", "cyd", "dan"]);
        expect(new Set(online.keys())).toEqual(new Set(["ann", "bob"]));
        expect((await registry.online([])).size).toBe(0);
      }
    });

    test("the same connection opened twice is one; one that is not known closes nothing", async () => {
      await one.opened("ann", "s1", null);
      await one.opened("ann", "s1", null);
      expect(await one.closed("ann", "unknown")).toBe(false);
      expect(await one.closed("bob", "s1")).toBe(false);
      expect((await one.online(["ann"])).has("ann")).toBe(true);
      expect(await one.closed("ann", "s1")).toBe(true);
      expect(await one.closed("ann", "s1")).toBe(false);
      expect((await one.online(["ann"])).has("ann")).toBe(false);
    });

    test("of several devices the type that was said last counts, as long as that one is there", async () => {
      const seen = async () => {
        const types = await Promise.all(scene.registries.map((each) => each.online(["ann", "bob"])));
        expect(new Set(types.map((map) => map.get("ann"))).size).toBe(1);
        expect(types.every((map) => !map.has("bob"))).toBe(true);
        return types[0]?.get("ann");
      };
      await one.opened("ann", "s1", null);
      expect(await seen()).toBeNull();
      expect(await one.opened("ann", "s1", "web")).toBe(false);
      await other.opened("ann", "s2", null);
      expect(await seen()).toBe("web");
      await other.opened("ann", "s2", "mobile");
      expect(await seen()).toBe("mobile");
      await one.opened("ann", "s1", "web");
      expect(await seen()).toBe("web");
      await one.closed("ann", "s1");
      expect(await seen()).toBe("mobile");
      await other.opened("ann", "s2", null);
      expect(await seen()).toBeNull();
    });

    test("of connections that come and go at once exactly one is the first and one the last", async () => {
      const sessions = Array.from({ length: 50 }, (_, i) => `s${i}`);
      const at = (i: number) => (i % 2 === 0 ? one : other);
      const opened = await Promise.all(sessions.map((session, i) => at(i).opened("ann", session, null)));
      expect(opened.filter(Boolean).length).toBe(1);
      const closed = await Promise.all(sessions.map((session, i) => at(i).closed("ann", session)));
      expect(closed.filter(Boolean).length).toBe(1);
    });
  });
}

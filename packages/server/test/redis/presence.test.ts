import { afterEach, beforeEach, expect, test } from "vitest";
import type { PresenceRegistry } from "../../src/core/ports/presence-registry.ts";
import { upTo } from "../support/node.ts";
import { joinPresence, type PresenceNode } from "../support/presence.ts";
import { describeWithRedis, startRedis, type TestRedis } from "../support/redis.ts";

describeWithRedis("presence in Redis", () => {
  let redis: TestRedis;
  let one: PresenceNode;
  let other: PresenceNode;
  let third: PresenceNode;
  /** Who was told gone, by whom, in their order. */
  let gone: string[];
  beforeEach(async () => {
    redis = await startRedis();
    gone = [];
    [one, other, third] = await Promise.all([join(), join(), join()]);
  });
  afterEach(async () => {
    await Promise.all([one, other, third].map((node) => node.close()));
    await redis.close();
  });
  const join = async (): Promise<PresenceNode> => {
    const node = await joinPresence(redis.address);
    node.registry.onGone((userIds, seenAt) => {
      expect(Math.abs(Date.now() - seenAt)).toBeLessThan(60_000);
      gone.push(...userIds);
    });
    return node;
  };
  const online = async (registry: PresenceRegistry, ...users: string[]) =>
    [...(await registry.online(users)).keys()].toSorted();

  for (const [how, end] of [
    ["dies", (node: PresenceNode) => node.die()],
    ["ends in good order", (node: PresenceNode) => node.close()],
  ] as const) {
    test(`when a node ${how} those who were there alone are gone, and each is told so once`, async () => {
      const crowd = upTo(1_200).map((i) => `user-${i}`);
      await Promise.all(crowd.map((user) => one.registry.opened(user, "s", null)));
      await one.registry.opened("ann", "s1", "web");
      await other.registry.opened("ann", "s2", "mobile");
      await one.registry.opened("bob", "s3", null);
      await end(one);
      // Who comes to another node meanwhile has never been away.
      expect(await third.registry.opened("bob", "s4", null)).toBe(false);
      await expect.poll(() => gone.length, { timeout: 20_000, interval: 100 }).toBe(crowd.length);
      expect(new Set(gone)).toEqual(new Set(crowd));
      expect(await online(other.registry, "ann", "bob", "user-1")).toEqual(["ann", "bob"]);
      expect(await third.registry.closed("bob", "s4")).toBe(true);
      expect(await other.registry.closed("ann", "s2")).toBe(true);
      await expect.poll(() => redis.cli(["KEYS", "*"]).trim()).toBe("test:nodes");
    });
  }

  test("what Redis has forgotten is said again, and nobody is told", async () => {
    await one.registry.opened("ann", "s1", "web");
    await other.registry.opened("bob", "s2", null);
    redis.cli(["FLUSHALL"]);
    await expect
      .poll(() => online(third.registry, "ann", "bob"), { timeout: 10_000 })
      .toEqual(["ann", "bob"]);
    expect((await third.registry.online(["ann"])).get("ann")).toBe("web");
    expect(await one.registry.closed("ann", "s1")).toBe(true);
    expect(gone).toEqual([]);
  });

  test("without Redis a node goes by its own, and the rest is made up for when it is back", async () => {
    await one.registry.opened("ann", "s1", "web");
    await one.registry.opened("eve", "s2", null);
    await other.registry.opened("bob", "s3", null);
    await redis.kill();
    expect(await online(one.registry, "ann", "bob")).toEqual(["ann"]);
    expect(await one.registry.closed("eve", "s2")).toBe(true);
    expect(await one.registry.opened("cyd", "s4", "mobile")).toBe(true);
    expect((await one.registry.online(["cyd"])).get("cyd")).toBe("mobile");
    await redis.start();
    await expect
      .poll(() => online(third.registry, "ann", "bob", "cyd", "eve"), { timeout: 15_000 })
      .toEqual(["ann", "bob", "cyd"]);
    expect(gone).toEqual([]);
  });
});

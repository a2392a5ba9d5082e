import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FollowBatch } from "../../src/core/ports/follow.ts";
import { createMessageIndexer } from "../../src/core/search/index-messages.ts";
import { readWish } from "../../src/core/search/wish.ts";
import { startNode, upTo, type WritingNode } from "../support/node.ts";
import { createMigratedDatabase, postgresServers, type TestServer } from "../support/postgres.ts";

const LEASE = { leaseMs: 60_000, ticks: 100 };

/** What `FollowStore` and `SearchStore` promise, on every PostgreSQL there is. */
for (const { major, start } of postgresServers()) {
  describe(`PostgreSQL ${major}`, () => {
    let server: TestServer;
    let node: WritingNode;

    beforeAll(async () => {
      server = await start();
      node = await startNode((await createMigratedDatabase("follow", server.connection)).connection);
    });
    afterAll(async () => {
      await node.close();
      await server.stop();
    });

    /** All that a consumer has to do, done. */
    const drain = async (name: string, consume: (batch: FollowBatch) => Promise<void>) => {
      for (;;) {
        const work = await node.store.follow.next(name, "here", LEASE);
        if (work === null) throw new Error("another one follows");
        if (work.batch.ranges.length === 0) return;
        expect(work.behindMs).toBeGreaterThanOrEqual(0);
        await consume(work.batch);
      }
    };

    test("ranges are cut, shortened by what was done, and gone when all was", async () => {
      const { follow } = node.store;
      const conversationId = await node.open(["ann"]);
      await follow.follow({ name: "reader", from: "beginning" });
      await follow.follow({ name: "reader", from: "beginning" });
      await Promise.all(
        upTo(250).map((i) => node.send({ conversationId, senderId: "ann", content: `${i}` })),
      );
      const first = await follow.next("reader", "here", LEASE);
      expect(first?.batch.ranges).toEqual([{ conversationId, since: 0, through: 100 }]);
      await new Promise((resolve) => setTimeout(resolve, 20));
      const again = await follow.next("reader", "here", LEASE);
      expect(again?.batch).toEqual(first?.batch);
      expect(again?.behindMs).toBeGreaterThanOrEqual((first?.behindMs ?? 0) + 15);
      const seen: number[] = [];
      await drain("reader", async (batch) => {
        seen.push(...batch.ranges.flatMap((range) => [range.since, range.through]));
        await follow.settle(batch);
      });
      expect(seen).toEqual([0, 100, 100, 200, 200, 251]);
    });

    test("a lease is one process's until it is given back", async () => {
      const { follow } = node.store;
      await follow.follow({ name: "leased", from: "now" });
      expect((await follow.next("leased", "here", LEASE))?.batch.ranges).toEqual([]);
      expect(await follow.next("leased", "there", LEASE)).toBeNull();
      await follow.release("leased", "there");
      expect(await follow.next("leased", "there", LEASE)).toBeNull();
      await follow.release("leased", "here");
      expect(await follow.next("leased", "there", LEASE)).not.toBeNull();
      expect(await follow.next("unknown", "here", LEASE)).toBeNull();
    });

    test("what was said is found, as it is now and by whom it may be", async () => {
      const indexer = createMessageIndexer(node.store.search);
      await node.store.follow.follow(indexer);
      const conversationId = await node.open(["bob"]);
      const ids: number[] = [];
      for (const content of ["Crème brûlée", "東京都に住む", "brulee again", "gone brulee"]) {
        ids.push((await node.send({ conversationId, senderId: "bob", content })).id);
      }
      await node.change({ kind: "delete", conversationId, by: "bob", messageId: ids[3] as number });
      await drain(indexer.name, indexer.consume);
      const search = async (userId: string | null, text: string, of: number | null = null) => {
        const wish = { userId, conversationId: of, phrases: readWish(text), before: null, limit: 10 };
        return (await node.store.search.search(wish)).map((message) => message.content);
      };
      expect(await search("bob", "brul")).toEqual(["brulee again", "Crème brûlée"]);
      expect(await search("bob", '"creme brulee"', conversationId)).toEqual(["Crème brûlée"]);
      expect(await search("bob", "京都")).toEqual(["東京都に住む"]);
      expect(await search(null, "brul", conversationId)).toHaveLength(2);
      expect(await search("eve", "brul")).toEqual([]);
      expect(await search("eve", "brul", conversationId)).toEqual([]);
    });
  });
}

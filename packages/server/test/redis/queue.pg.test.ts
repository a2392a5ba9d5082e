import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { openDeadLetters } from "../../src/adapters/queue/redis/dead-letters.ts";
import { createEntries } from "../../src/adapters/queue/redis/entry.ts";
import { readDurability } from "../../src/adapters/redis/durability.ts";
import type { Draft } from "../../src/core/ports/message-log.ts";
import { recordingLog } from "../support/log.ts";
import { startNode, upTo, type WritingNode } from "../support/node.ts";
import { createMigratedDatabase, type TestDatabase, withClient } from "../support/postgres.ts";
import { joinQueue, PREFIX, type QueueNode, SECRET } from "../support/queue.ts";
import { describeWithRedis, startRedis, type TestRedis } from "../support/redis.ts";

describeWithRedis("the queue in Redis", () => {
  let database: TestDatabase;
  let node: WritingNode;
  let redis: TestRedis;
  const queues: QueueNode[] = [];
  let conversationId: number;

  beforeAll(async () => {
    database = await createMigratedDatabase("redis_queue");
    node = await startNode(database.connection);
    redis = await startRedis({ appendFsync: "always" });
  });
  afterAll(async () => {
    await node.close();
    await database.drop();
    await redis.close();
  });
  beforeEach(async () => {
    redis.cli(["FLUSHALL"]);
    conversationId = await node.open(["ann", "bob"]);
  });
  afterEach(async () => {
    await Promise.all(queues.splice(0).map((one) => one.close()));
  });

  const join = async (...[over]: [Parameters<typeof joinQueue>[2]?]): Promise<QueueNode> => {
    const queue = await joinQueue(redis.address, node, over);
    queues.push(queue);
    return queue;
  };
  const draft = (over: Partial<Draft> = {}) =>
    node.draft({ conversationId, senderId: "ann", content: "hello", ...over });
  const stored = (count: number) =>
    expect
      .poll(async () => (await node.history(conversationId)).length, { timeout: 20_000, interval: 100 })
      .toBe(count);
  /** Holds the conversation as another process's transaction would, until `work` is over. */
  const whileHeld = (work: () => Promise<void>): Promise<void> =>
    withClient(database.connection, async (client) => {
      await client.query("begin");
      await client.query("select from conversations where id = $1 for update", [conversationId]);
      try {
        await work();
      } finally {
        await client.query("rollback");
      }
    });

  test("leaves nothing behind of what is stored", async () => {
    const { queue } = await join();
    for (const i of upTo(20)) await queue.accept(await draft({ idempotencyKey: i % 2 ? `k${i}` : null }));
    await stored(20);
    await expect.poll(() => queue.waiting()).toBe(0);
    // Streams stay, empty, so that their entries' ids go on.
    const left = redis
      .cli(["KEYS", `*queue*`])
      .split("\n")
      .filter((key) => !/:(entries|owner)$|^$/.test(key));
    expect(left).toEqual([]);
  });

  test("who has read a message that waits is noted with its being stored", async () => {
    const { queue } = await join();
    const [first, second] = [await draft(), await draft()];
    await whileHeld(async () => {
      await queue.accept(first);
      await queue.accept(second);
      expect(await queue.find(second.id)).toMatchObject({ conversationId, senderId: "ann" });
      expect(await queue.markRead(second.id, "bob")).toBe(true);
      expect(await queue.markRead(second.id, "bob")).toBe(true);
      expect(await node.history(conversationId)).toEqual([]);
    });
    await stored(2);
    const unread = async () => (await node.store.reader.entries("bob", [conversationId]))[0]?.unread;
    await expect.poll(unread).toBe(1);
    await expect.poll(() => queue.find(second.id)).toBeNull();
  });

  test("what one had begun when it died another stores, once and in order", async () => {
    const [one, other] = [await join(), await join()];
    const drafts = await Promise.all(upTo(600).map(() => draft()));
    const sending = drafts.map((each, i) => (i % 2 ? one : other).queue.accept(each));
    // As many as that are in the stream before one of the two dies, and some of them stored.
    await Promise.all(sending);
    const order = redis
      .cli(["XRANGE", `{${PREFIX}queue:${conversationId % 16}}:entries`, "-", "+"])
      .match(/\[1,\d+/g);
    await expect.poll(async () => (await node.history(conversationId)).length).toBeGreaterThan(0);
    one.die();
    other.die();
    await join();
    await stored(600);
    const ids = (await node.history(conversationId)).map(({ id }) => id);
    expect(new Set(ids).size).toBe(600);
    const wereLeft = (order ?? []).map((text) => Number(text.slice(3)));
    expect(ids.filter((id) => wereLeft.includes(id))).toEqual(wereLeft);
  });

  test("what cannot be stored is kept apart, and goes on when it is asked to", async () => {
    const { log, entries } = recordingLog();
    const { queue, redis: client } = await join({ log });
    const poison = await draft({ content: "canary \u0000 canary" });
    await queue.accept(await draft());
    await queue.accept(poison);
    const foreign = await draft({ senderId: "cyd", idempotencyKey: "k" });
    await queue.accept(foreign);
    const forged = createEntries(Buffer.alloc(32, 2)).write(await draft({ senderId: "bob" }));
    redis.cli(["XADD", `{${PREFIX}queue:${conversationId % 16}}:entries`, "*", "d", forged]);
    const last = await draft();
    await queue.accept(last);
    await stored(2);
    const letters = openDeadLetters(client, PREFIX, SECRET);
    await expect.poll(async () => (await letters.list(10)).length).toBe(3);
    const found = await letters.list(10);
    expect(new Map(found.map(({ messageId, why }) => [messageId, why]))).toEqual(
      new Map([
        [poison.id, "invalid"],
        [foreign.id, "not_participant"],
        [null, "unreadable"],
      ]),
    );
    const name = found.find(({ messageId }) => messageId === foreign.id)?.name as string;
    expect(JSON.stringify([found, entries])).not.toContain("canary");
    expect(await queue.find(poison.id)).toBeNull();

    await node.change({ kind: "add", by: "ann", conversationId, userIds: ["cyd"], maxParticipants: 10 });
    expect(await letters.replay(name)).toBe(true);
    await stored(3);
    expect((await node.history(conversationId)).at(-1)?.id).toBe(foreign.id);
    expect(await letters.replay(name)).toBe(false);
    for (const unknown of ["", "1", "99/1-1", "1/1-99999999999999999999999"]) {
      expect(await letters.replay(unknown), unknown).toBe(false);
    }
  });

  test("takes no more than may wait, and repeats all the same", async () => {
    const { queue } = await join({ maxWaiting: 16 * 5 });
    await whileHeld(async () => {
      const given = await Promise.allSettled(
        (await Promise.all(upTo(8).map((i) => draft({ idempotencyKey: `k${i}` })))).map(queue.accept),
      );
      expect(given.map(({ status }) => status)).toEqual([
        ...upTo(5).map(() => "fulfilled"),
        ...upTo(3).map(() => "rejected"),
      ]);
      expect((given[7] as PromiseRejectedResult).reason).toMatchObject({ code: "overloaded", retryAfter: 1 });
      expect(await queue.accept(await draft({ idempotencyKey: "k1" }))).toMatchObject({ duplicate: true });
    });
    await stored(5);
    await queue.accept(await draft());
    await stored(6);
  });

  test("refuses while Redis is gone, and is itself again when that is back", async () => {
    const { queue } = await join();
    await queue.accept(await draft());
    await stored(1);
    await redis.kill();
    await expect(queue.accept(await draft())).rejects.toMatchObject({ code: "unavailable" });
    await expect(queue.find(1)).rejects.toMatchObject({ code: "unavailable" });
    expect(await queue.waiting()).toBeNull();
    await redis.start();
    await expect
      .poll(
        async () =>
          queue.accept(await draft()).then(
            () => true,
            () => false,
          ),
        { timeout: 10_000 },
      )
      .toBe(true);
    await stored(2);
    redis.cli(["FLUSHALL"]);
    await queue.accept(await draft());
    await stored(3);
  });

  test("what was answered survives the death of Redis, however it dies", async () => {
    const one = await join();
    const drafts = await Promise.all(upTo(300).map(() => draft()));
    await whileHeld(async () => {
      await Promise.all(drafts.map(one.queue.accept));
      await redis.kill();
      await redis.start();
    });
    await stored(300);
    expect((await node.history(conversationId)).map(({ id }) => id)).toEqual(drafts.map(({ id }) => id));
  });

  test("over a database that was put back to an earlier state no id is given twice", async () => {
    const { queue } = await join();
    expect(await queue.highestId()).toBe(0);
    const waiting = await Promise.all(upTo(40).map(() => draft()));
    await whileHeld(async () => {
      await Promise.all(waiting.map(queue.accept));
      const highest = await queue.highestId();
      expect(waiting.map(({ id }) => id)).toContain(highest);
      await withClient(database.connection, (client) => client.query("select setval('message_ids', 1)"));
      await node.store.moveIdsPast(highest);
      const { id } = await draft();
      expect(id).toBeGreaterThan(Math.max(...waiting.map((one) => one.id)));
      await node.store.moveIdsPast(highest);
      expect((await draft()).id).toBe(id + 1);
    });
    await stored(40);
  });

  test("says when its Redis may lose what it has answered", async () => {
    const { redis: client } = await join();
    expect(await readDurability(client, ["a"])).toEqual({ level: "D2", reasons: [] });
    redis.cli(["CONFIG", "SET", "appendfsync", "everysec"]);
    expect(await readDurability(client, ["a"])).toMatchObject({ level: "D1" });
    redis.cli(["CONFIG", "SET", "maxmemory", "1gb", "maxmemory-policy", "allkeys-lru"]);
    expect(await readDurability(client, ["a"])).toMatchObject({ level: "D0" });
    const { log, entries } = recordingLog();
    await join({ log });
    await expect.poll(() => entries.filter(({ level }) => level === "warn")).toHaveLength(1);
    redis.cli(["CONFIG", "SET", "appendfsync", "always", "maxmemory", "0", "maxmemory-policy", "noeviction"]);
  });
});

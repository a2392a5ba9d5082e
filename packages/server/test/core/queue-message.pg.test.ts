import { afterAll, beforeAll, expect, test } from "vitest";
import { createInProcessBuckets } from "../../src/adapters/limits/in-process-buckets.ts";
import type { Door } from "../../src/core/door.ts";
import { createRateLimit } from "../../src/core/rate-limits.ts";
import { asUser, openDoor } from "../support/door.ts";
import { startNode, upTo, type WritingNode } from "../support/node.ts";
import { createMigratedDatabase, type TestDatabase, withClient } from "../support/postgres.ts";

let database: TestDatabase;
let node: WritingNode;
let door: Door;
beforeAll(async () => {
  database = await createMigratedDatabase("queue_message");
  node = await startNode(database.connection);
  door = openDoor(node);
});
afterAll(async () => {
  await node.close();
  await database.drop();
});

const message = (senderId: string, receiverId: string, content = "x", idempotencyKey: string | null = null) =>
  ({ type: "queue-message", senderId, receiverId, content, idempotencyKey }) as const;
const directOf = (one: string, other: string) =>
  door.answer(asUser(one), { type: "find-direct", userIds: [one, other] });

test("what may not be said makes no conversation and no user", async () => {
  for (const [command, code] of [
    [message("ann", "bob", " "), "invalid"],
    [message("ann", "bob", "x", "k".repeat(256)), "invalid"],
    [message("bob", "ann"), "forbidden"],
  ] as const) {
    await expect(door.execute(asUser("ann"), command)).rejects.toMatchObject({ code });
  }
  expect(await directOf("ann", "bob")).toBeNull();
  expect(await node.store.users.find(["ann", "bob"])).toEqual([]);
});

test("the conversation of two is one, whoever begins, however many at once; of others one cannot even know it", async () => {
  const sent = await Promise.all(
    upTo(10).map((i) => {
      const [from, to] = i % 2 === 0 ? ["cyd", "dan"] : ["dan", "cyd"];
      return door.execute(asUser(from as string), message(from as string, to as string));
    }),
  );
  const conversationId = (await directOf("dan", "cyd")) as number;
  expect(conversationId).toBe(await directOf("cyd", "dan"));
  expect(new Set((await node.history(conversationId)).map(({ id }) => id))).toEqual(
    new Set(sent.map(({ id }) => id)),
  );
  for (const userIds of [
    ["cyd", "dan"],
    ["cyd", "nobody"],
  ] as const) {
    await expect(door.answer(asUser("eve"), { type: "find-direct", userIds })).rejects.toMatchObject({
      code: "not_participant",
    });
  }
});

test("who named nobody sends as anybody, and a sender's limit is the sender's", async () => {
  const strict = openDoor(node, { messageLimit: createRateLimit(2, createInProcessBuckets(2, Date.now)) });
  const service = { userId: null, name: null, rights: "service", expiresAt: null } as const;
  for (const _ of upTo(5)) await strict.execute(service, message("fay", "gus"));
  await strict.execute(asUser("fay"), message("fay", "gus", "x", "k"));
  await strict.execute(asUser("fay"), message("fay", "gus"));
  await expect(strict.execute(asUser("fay"), message("fay", "gus"))).rejects.toMatchObject({
    code: "rate_limited",
  });
  expect(await strict.execute(asUser("fay"), message("fay", "gus", "x", "k"))).toMatchObject({
    duplicate: true,
  });
});

test("a conversation that the database has no more, being put back to before it, is opened anew", async () => {
  await door.execute(asUser("hal"), message("hal", "ida"));
  const lost = await directOf("hal", "ida");
  await withClient(database.connection, async (client) => {
    for (const table of ["direct_conversations", "participants", "messages"]) {
      await client.query(`delete from ${table} where conversation_id = $1`, [lost]);
    }
    await client.query("delete from conversations where id = $1", [lost]);
  });
  const { id } = await door.execute(asUser("hal"), message("hal", "ida", "again"));
  const opened = (await directOf("hal", "ida")) as number;
  expect(opened).not.toBe(lost);
  expect(await node.history(opened)).toMatchObject([{ id, content: "again" }]);
});

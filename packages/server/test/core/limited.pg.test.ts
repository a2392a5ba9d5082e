import type { OpenConversation } from "@parlance/protocol/commands.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createInProcessBuckets } from "../../src/adapters/limits/in-process-buckets.ts";
import { createRateLimit } from "../../src/core/rate-limits.ts";
import { asUser, openDoor } from "../support/door.ts";
import { startNode, type WritingNode } from "../support/node.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/postgres.ts";

let database: TestDatabase;
let node: WritingNode;

beforeAll(async () => {
  database = await createMigratedDatabase("limited");
  node = await startNode(database.connection);
});
afterAll(async () => {
  await node.close();
  await database.drop();
});

/** A door through which a user may go so often. */
const limitedTo = (times: number) =>
  openDoor(node, {
    messageLimit: createRateLimit(
      times,
      createInProcessBuckets(times, () => 0),
    ),
  });
const limited = { code: "rate_limited", retryAfter: expect.any(Number) };
const opening = (userIds: readonly string[], over: Partial<OpenConversation> = {}): OpenConversation => ({
  type: "open-conversation",
  userIds,
  name: null,
  idempotencyKey: null,
  ...over,
});

test("edits take from the limit of messages, and one that is refused changes nothing", async () => {
  const door = limitedTo(2);
  const conversationId = await node.open(["ann"]);
  const { id: messageId } = await node.send({ conversationId, senderId: "ann", content: "0" });
  const edit = (content: string) =>
    door.execute(asUser("ann"), { type: "edit-message", conversationId, messageId, content });
  await edit("1");
  await edit("2");
  await expect(edit("3")).rejects.toMatchObject(limited);
  expect(await node.store.reader.message(conversationId, messageId)).toMatchObject({ content: "2" });
});

test("opening takes from it where a conversation is made, not where one is found", async () => {
  const door = limitedTo(2);
  const ann = asUser("ann");
  const keyed = opening(["bob", "cyd"], { idempotencyKey: "once" });
  const group = await door.execute(ann, keyed);
  for (let i = 0; i < 3; i++) {
    expect(await door.execute(ann, keyed)).toEqual({ ...group, created: false });
  }
  const direct = await door.execute(ann, opening(["bob"]));
  await expect(door.execute(ann, opening(["cyd"]))).rejects.toMatchObject(limited);
  await expect(door.execute(ann, opening(["never-met"], { name: "n" }))).rejects.toMatchObject(limited);
  expect(await node.store.users.find(["never-met"])).toEqual([]);
  expect(await door.execute(ann, opening(["bob"]))).toEqual({ ...direct, created: false });
});

test("changes to a group, of which all hear, take from it; to leave does not", async () => {
  const conversationId = await node.open(["ann", "bob", "cyd"]);
  const changes = [
    { type: "update-conversation", conversationId, name: "again" },
    { type: "add-participants", conversationId, userIds: ["never-heard-of"] },
    { type: "remove-participant", conversationId, userId: "cyd" },
    { type: "set-role", conversationId, userId: "bob", role: "owner" },
  ] as const;
  for (const change of changes) {
    const door = limitedTo(1);
    await door.execute(asUser("ann"), { type: "update-conversation", conversationId, name: change.type });
    await expect(door.execute(asUser("ann"), change)).rejects.toMatchObject(limited);
    expect((await node.store.reader.standing(conversationId, "ann"))?.participantCount).toBe(3);
  }
  expect(await node.store.users.find(["never-heard-of"])).toEqual([]);
  const door = limitedTo(1);
  await door.execute(asUser("ann"), changes[3]);
  expect(
    await door.execute(asUser("ann"), { type: "remove-participant", conversationId, userId: "ann" }),
  ).toMatchObject({ changed: true });
});

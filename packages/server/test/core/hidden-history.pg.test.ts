import type { Command } from "@parlance/protocol/commands.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Door } from "../../src/core/door.ts";
import { asUser, openDoor } from "../support/door.ts";
import { startNode, type WritingNode } from "../support/node.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/postgres.ts";

let database: TestDatabase;
let node: WritingNode;
let door: Door;

beforeAll(async () => {
  database = await createMigratedDatabase("hidden_history");
  node = await startNode(database.connection);
  door = openDoor(node);
});
afterAll(async () => {
  await node.close();
  await database.drop();
});

/** A conversation in which bob was before, left, and is again; with a message of his from either stay. */
async function cameAgain(historyVisible: boolean) {
  const conversationId = await node.open(["ann", "bob"]);
  await node.change({ kind: "settings", conversationId, by: "ann", settings: { historyVisible } });
  const { id: before } = await node.send({ conversationId, senderId: "bob", content: "before" });
  await node.change({ kind: "remove", conversationId, by: "bob", userId: "bob" });
  await node.change({ kind: "add", conversationId, by: "ann", userIds: ["bob"], maxParticipants: 10 });
  await node.change({ kind: "role", conversationId, by: "ann", userId: "bob", role: "admin" });
  const { id: after } = await node.send({ conversationId, senderId: "bob", content: "after" });
  return { conversationId, before, after };
}

const touching = (conversationId: number, messageId: number): Command[] => [
  { type: "react", conversationId, messageId, emoji: "👍", add: true },
  { type: "mark-read", conversationId, messageId },
  { type: "edit-message", conversationId, messageId, content: "edited" },
  {
    type: "send-message",
    conversationId,
    senderId: "bob",
    idempotencyKey: null,
    messageType: "text",
    content: "reply",
    parentId: messageId,
    metadata: null,
    clientTime: null,
  },
  { type: "delete-message", conversationId, messageId },
];

test("where history is hidden, what was before one's joining is not there for any command that names it", async () => {
  const { conversationId, before, after } = await cameAgain(false);
  const marking = { type: "mark-message-read", messageId: before } as const;
  for (const command of [marking, ...touching(conversationId, before)]) {
    await expect(door.execute(asUser("bob"), command), command.type).rejects.toMatchObject({
      code: "not_found",
    });
  }
  for (const command of touching(conversationId, after)) await door.execute(asUser("bob"), command);
  const old = await node.store.reader.message(conversationId, before);
  expect(old).toMatchObject({ content: "before", reactions: null, deletedAt: null });
});

test("where it is visible, it is as any other", async () => {
  const { conversationId, before } = await cameAgain(true);
  for (const command of touching(conversationId, before)) await door.execute(asUser("bob"), command);
});

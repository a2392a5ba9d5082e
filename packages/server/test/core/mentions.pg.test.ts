import type { Event } from "@parlance/protocol/events.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Door } from "../../src/core/door.ts";
import { asUser, openDoor } from "../support/door.ts";
import { startNode, upTo, type WritingNode } from "../support/node.ts";
import { createMigratedDatabase, type TestDatabase, withClient } from "../support/postgres.ts";
import { say } from "../support/said.ts";

let database: TestDatabase;
let node: WritingNode;
let door: Door;
let conversationId: number;
const told: Event[] = [];

const NAMES: Record<string, string | null> = {
  ann: "Ann",
  "ann-lee": "Ann Lee",
  bob: null,
  "u:7": "Jean-Luc O'Brien",
  zoe: "Zoë",
  max1: "Max",
  max2: "max",
  fox: "Fox 🦊",
  stranger: "Stranger",
};
const PEOPLE = Object.keys(NAMES).filter((id) => id !== "stranger");

beforeAll(async () => {
  database = await createMigratedDatabase("mentions");
  node = await startNode(database.connection);
  door = openDoor(node);
  await node.store.users.ensure(Object.entries(NAMES).map(([id, name]) => ({ id, name })));
  conversationId = await node.open(PEOPLE);
  node.bus.listen({
    news: (news) => {
      for (const item of news) if (item.kind === "events") told.push(...item.events);
    },
    lost: () => {},
  });
  await node.bus.subscribe(`conversation:${conversationId}`);
});
afterAll(async () => {
  await node.close();
  await database.drop();
});

const mentionsOf = async (id: number) => (await node.store.reader.message(conversationId, id))?.mentions;

test.each([
  ["nobody at all", []],
  ["@ann", ["ann"]],
  ["hi @ANN!", ["ann"]],
  ["@Ann Lee, and not the other", ["ann-lee"]],
  ["@Ann Leeds", ["ann"]],
  ["@Annette", []],
  ["(@bob)", ["bob"]],
  ["@[bob] @[ann-lee]", ["bob", "ann-lee"]],
  ["@[Ann]", []],
  ["@Jean-Luc O'Brien's ship", ["u:7"]],
  ["@Jean-Luc", []],
  ["@[u:7]", ["u:7"]],
  ["@zoë", ["zoe"]],
  ["@max", ["max1", "max2"]],
  ["@fox 🦊 runs", ["fox"]],
  ["@stranger @[stranger] @nobody", []],
  ["ann@bob.example", []],
  ["a@[bob]", []],
  ["@@bob", []],
  ["@bob and @Ann and @bob", ["bob", "ann"]],
  ["@\nbob", []],
  ["@[bob", []],
  ["@[]@[\ud83d\ude00]", []],
  ["@' or 1=1 -- @%", []],
])("%j names %j", async (content, expected) => {
  told.length = 0;
  const { id } = await say(door, conversationId, "ann", content);
  expect(await mentionsOf(id)).toEqual(expected);
  expect(told.at(-1)).toMatchObject({ type: "message.stored", message: { id, mentions: expected } });
});

test("ten thousand @s cost one look-up of a bounded size and name at most fifty", async () => {
  const many = upTo(80).map((i) => `many-${i}`);
  const crowd = await node.open(["ann", ...many]);
  const { id } = await say(door, crowd, "ann", many.map((userId) => `@[${userId}]`).join(""));
  expect((await node.store.reader.message(crowd, id))?.mentions).toEqual(many.slice(0, 50));
  const { id: noise } = await say(door, crowd, "ann", "@a ".repeat(3_000));
  expect((await node.store.reader.message(crowd, noise))?.mentions).toEqual([]);
});

test("an edit finds them anew, a deletion ends them; unread ones are counted exactly", async () => {
  const counts = async (userId: string) => {
    const [entry] = await node.store.reader.entries(userId, [conversationId]);
    return entry?.unreadMentions;
  };
  for (const userId of PEOPLE) {
    await door.execute(asUser(userId), { type: "mark-read", conversationId, messageId: null });
  }
  const { id: messageId } = await say(door, conversationId, "ann", "@bob @Ann @zoë");
  const edit = (content: string) =>
    door.execute(asUser("ann"), { type: "edit-message", conversationId, messageId, content });
  expect([await counts("bob"), await counts("ann"), await counts("zoe")]).toEqual([1, 0, 1]);
  expect(await edit("@bob @max")).toMatchObject({ message: { mentions: ["bob", "max1", "max2"] } });
  expect([await counts("bob"), await counts("max1"), await counts("zoe")]).toEqual([1, 1, 0]);
  expect(await edit("nobody")).toMatchObject({ message: { mentions: [] } });
  expect(await counts("bob")).toBe(0);
  await edit("@bob again");
  const { id: second } = await say(door, conversationId, "ann", "@bob");
  expect(await counts("bob")).toBe(2);
  await door.execute(asUser("bob"), { type: "mark-message-read", messageId: second });
  expect(await counts("bob")).toBe(1);
  expect(
    await door.execute(asUser("ann"), { type: "delete-message", conversationId, messageId }),
  ).toMatchObject({ message: { mentions: [] } });
  expect(await counts("bob")).toBe(0);
  // Nothing is left of what is deleted.
  await withClient(database.connection, async (client) => {
    const { rows } = await client.query(
      "select from mentions x join messages m using (conversation_id, seq) where m.deleted_at is not null",
    );
    expect(rows).toEqual([]);
  });
});

test("a repeat of a key names whom the first one named, and counts once", async () => {
  const group = await node.open(["ann", "bob"]);
  const again = () => say(door, group, "ann", "@bob", { idempotencyKey: "once" });
  const stored = await Promise.all([again(), again(), again()]);
  expect(new Set(stored.map((one) => one.id)).size).toBe(1);
  await again();
  expect((await node.store.reader.entries("bob", [group]))[0]).toMatchObject({
    unread: 1,
    unreadMentions: 1,
  });
});

import type { Signal } from "@parlance/protocol/events.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createInProcessPresence } from "../../src/adapters/presence/in-process-presence.ts";
import type { Door } from "../../src/core/door.ts";
import type { News } from "../../src/core/ports/bus.ts";
import { silentLog } from "../../src/core/ports/log.ts";
import { createPresence, type Presence } from "../../src/core/presence/presence.ts";
import { asUser, openDoor } from "../support/door.ts";
import { hear } from "../support/heard.ts";
import { startNode, upTo, type WritingNode } from "../support/node.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/postgres.ts";

let database: TestDatabase;
let node: WritingNode;
let other: WritingNode;
let door: Door;
let presence: Presence;
let pairs = 0;

beforeAll(async () => {
  database = await createMigratedDatabase("blocks");
  node = await startNode(database.connection);
  other = await startNode(database.connection);
  presence = createPresence({
    registry: createInProcessPresence(),
    users: node.store.users,
    people: node.store.people,
    bus: node.bus,
    audienceOf: () => [1],
    maxAudience: 100,
    staleMs: 300_000,
    now: Date.now,
    log: silentLog,
  });
  door = openDoor(node, { presence });
});
afterAll(async () => {
  await presence.drain();
  await node.close();
  await other.close();
  await database.drop();
});

/** Two who have not met yet. */
const strangers = (): [string, string] => {
  pairs++;
  return [`ann${pairs}`, `bob${pairs}`];
};
const openDirect = async (by: string, userId: string, at = door): Promise<number> => {
  const command = { type: "open-conversation", userIds: [userId], name: null, idempotencyKey: null } as const;
  return (await at.execute(asUser(by), command)).conversationId;
};
const block = (by: string, userId: string, blocked = true) =>
  door.execute(asUser(by), { type: "block-user", userId, blocked });
const send = (by: string, conversationId: number, at = door) =>
  at.execute(asUser(by), {
    type: "send-message",
    conversationId,
    senderId: by,
    idempotencyKey: null,
    messageType: "text",
    content: "hello",
    parentId: null,
    metadata: null,
    clientTime: null,
  });

test("who is blocked says nothing more in the direct conversation, and neither does who blocked", async () => {
  const [ann, bob] = strangers();
  const conversationId = await openDirect(ann, bob);
  const { id: messageId } = await send(bob, conversationId);
  expect(await block(ann, bob)).toEqual({ changed: true });
  expect(await block(ann, bob)).toEqual({ changed: false });
  const refused = [];
  for (const by of [ann, bob]) {
    refused.push(
      await send(by, conversationId).catch((error: Error) => error),
      await door
        .execute(asUser(by), { type: "react", conversationId, messageId, emoji: "👍", add: true })
        .catch((error: Error) => error),
      await door
        .execute(asUser(by), { type: "set-typing", conversationId, typing: true })
        .catch((error: Error) => error),
    );
  }
  refused.push(
    await door
      .execute(asUser(bob), { type: "edit-message", conversationId, messageId, content: "new" })
      .catch((error: Error) => error),
  );
  for (const one of refused) expect(one).toMatchObject({ code: "forbidden" });
  expect(new Set(refused.map((one) => (one as Error).message)).size).toBe(1);
  // What was said can be read, and one's own taken back.
  await door.execute(asUser(bob), { type: "delete-message", conversationId, messageId });
  expect(await openDirect(bob, ann)).toBe(conversationId);

  await block(bob, ann);
  await block(ann, bob, false);
  await expect(send(ann, conversationId)).rejects.toMatchObject({ code: "forbidden" });
  await block(bob, ann, false);
  expect((await send(ann, conversationId)).duplicate).toBe(false);
});

test("another node that remembers how somebody stood stores nothing after the block all the same", async () => {
  const [ann, bob] = strangers();
  const elsewhere = openDoor(other);
  const conversationId = await openDirect(ann, bob);
  await send(bob, conversationId, elsewhere);
  await block(ann, bob);
  await expect(send(bob, conversationId, elsewhere)).rejects.toMatchObject({ code: "forbidden" });
  const { clock } = (await node.store.reader.standing(conversationId, ann)) ?? {};
  expect(clock).toBe(2);
});

test("nobody opens a direct conversation with somebody they are blocked from; the two race as they like", async () => {
  const [cyd, dan] = strangers();
  await block(cyd, dan);
  for (const [by, userId] of [
    [cyd, dan],
    [dan, cyd],
  ] as const) {
    await expect(openDirect(by, userId)).rejects.toMatchObject({ code: "forbidden" });
  }
  for (let i = 0; i < 15; i++) {
    const [ann, bob] = strangers();
    const elsewhere = openDoor(other);
    await node.store.users.ensure([ann, bob].map((id) => ({ id, name: null })));
    const [opened] = await Promise.allSettled([openDirect(bob, ann, elsewhere), block(ann, bob)]);
    if (opened.status === "fulfilled") {
      await expect(send(bob, opened.value, elsewhere)).rejects.toMatchObject({ code: "forbidden" });
    } else expect(opened.reason).toMatchObject({ code: "forbidden" });
  }
});

test("blocks that come and go at once leave the conversation barred exactly while one stands", async () => {
  const [ann, bob] = strangers();
  const conversationId = await openDirect(ann, bob);
  for (let i = 0; i < 5; i++) {
    const wishes = upTo(8).map((n) => ({ by: n % 2 === 0 ? ann : bob, blocked: n % 3 === 0 }));
    await Promise.all(wishes.map(({ by, blocked }) => block(by, by === ann ? bob : ann, blocked)));
    const blocks = await Promise.all([ann, bob].map((by) => node.store.people.blocks(by)));
    const standing = await node.store.reader.standing(conversationId, ann);
    expect(standing?.isBarred).toBe(blocks.some((list) => list.length > 0));
  }
});

test("in groups nothing changes", async () => {
  const [ann, bob] = strangers();
  const conversationId = await node.open([ann, bob]);
  await block(ann, bob);
  await send(bob, conversationId);
  await send(ann, conversationId);
});

test("the blocked are listed for who blocked them; their entry shows it, the other's does not", async () => {
  const [ann, bob] = strangers();
  const conversationId = await openDirect(ann, bob);
  const heard = await hear(node, `user:${ann}`, `user:${bob}`);
  await block(ann, bob);
  expect(await door.answer(asUser(ann), { type: "read-blocks" })).toMatchObject([{ user: { id: bob } }]);
  expect(await door.answer(asUser(bob), { type: "read-blocks" })).toEqual([]);
  const blockedOf = async (userId: string) =>
    (await door.answer(asUser(userId), { type: "read-entries", conversationIds: [conversationId] }))[0]
      ?.blocked;
  expect([await blockedOf(ann), await blockedOf(bob)]).toEqual([true, false]);
  expect(heard).toMatchObject([
    { kind: "personal", userId: ann, signal: { type: "entry", entry: { blocked: true } } },
  ]);
  await expect(block(ann, ann)).rejects.toMatchObject({ code: "invalid" });
});

test("neither hears how far the other has read, live or on a resume; their own devices do", async () => {
  const [ann, bob] = strangers();
  const conversationId = await openDirect(ann, bob);
  await send(bob, conversationId);
  const heard = await hear(node, `user:${ann}`, `user:${bob}`, `conversation:${conversationId}`);
  const read = () => door.execute(asUser(ann), { type: "mark-read", conversationId, messageId: null });
  await block(ann, bob);
  heard.length = 0;
  await read();
  expect(heard).toMatchObject([
    { kind: "personal", userId: ann, signal: { type: "receipt", marks: { userId: ann } } },
  ]);
  const markedBy = async (userId: string) =>
    (await node.store.ticks.marksSince(userId, 0, 100)).map((mark) => mark.userId);
  expect([await markedBy(ann), await markedBy(bob)]).toEqual([[ann], []]);
  await block(ann, bob, false);
  expect(await markedBy(bob)).toEqual([ann]);
});

test("neither sees the other come, go or be there, whatever else they share", async () => {
  const [ann, bob] = strangers();
  const cyd = `cyd${pairs}`;
  await node.store.users.ensure([ann, bob, cyd].map((id) => ({ id, name: null })));
  const group = await node.open([ann, bob, cyd]);
  const heard = await hear(node, `user:${ann}`, `user:${bob}`, `conversation:${group}`);
  for (const id of [ann, bob, cyd]) presence.opened(id, `session ${id}`);
  await expect.poll(() => presencesIn(heard).length).toBe(3);
  const seenBy = async (userId: string, userIds: string[]) =>
    (await door.answer(asUser(userId), { type: "read-presence", userIds })).map((one) => one.status);
  expect(await seenBy(ann, [bob, ann, "nobody", cyd])).toEqual(["online", "online", "offline", "online"]);
  expect(await seenBy("stranger", [ann])).toEqual(["offline"]);
  const onlineTo = async (userId: string) => {
    const wish = { type: "read-people" as const, conversationIds: [group] };
    const people = (await door.answer(asUser(userId), wish))[0]?.participants ?? [];
    return people.filter(({ online }) => online).map((one) => one.userId);
  };
  expect(await onlineTo(ann)).toEqual([ann, bob, cyd]);

  heard.length = 0;
  await block(ann, bob);
  const offline = { type: "presence", status: "offline", lastSeenAt: expect.any(Number) };
  expect(heard).toMatchObject([
    { kind: "personal", userId: bob, signal: { ...offline, userId: ann } },
    { kind: "personal", userId: ann, signal: { ...offline, userId: bob } },
  ]);
  expect(await seenBy(ann, [bob, cyd])).toEqual(["offline", "online"]);
  expect(await seenBy(bob, [ann, cyd])).toEqual(["offline", "online"]);
  expect([await onlineTo(ann), await onlineTo(bob), await onlineTo(cyd)]).toEqual([
    [ann, cyd],
    [bob, cyd],
    [ann, bob, cyd],
  ]);

  heard.length = 0;
  await presence.setStatus(ann, "dnd");
  await expect.poll(() => presencesIn(heard)).toMatchObject([{ userId: ann, status: "dnd" }]);
  expect(heard).toMatchObject([{ kind: "presence", except: [bob] }]);

  heard.length = 0;
  await block(ann, bob, false);
  expect(presencesIn(heard)).toMatchObject([
    { userId: ann, status: "dnd" },
    { userId: bob, status: "online" },
  ]);
});

function presencesIn(heard: readonly News[]): Signal[] {
  return heard.flatMap((news) => ("signal" in news && news.signal.type === "presence" ? [news.signal] : []));
}

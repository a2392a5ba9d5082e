import type { Event, Signal } from "@parlance/protocol/events.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Door } from "../../src/core/door.ts";
import { silentLog } from "../../src/core/ports/log.ts";
import { createStandings } from "../../src/core/standings.ts";
import { createUserDirectory } from "../../src/core/users/user-directory.ts";
import { type CatchUpReport, catchUp } from "../../src/delivery/catch-up.ts";
import { Hub } from "../../src/delivery/hub.ts";
import type { Codec, Outlet } from "../../src/delivery/outlet.ts";
import type { Session } from "../../src/delivery/session.ts";
import { type Sweep, startSweep } from "../../src/delivery/sweep.ts";
import { asUser, openDoor } from "../support/door.ts";
import { startNode, type WritingNode } from "../support/node.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/postgres.ts";

/** A node as the server makes it, but for its sockets; `silent` writes to the same database and tells it nothing. */
let database: TestDatabase;
let node: WritingNode;
let silent: WritingNode;
let door: Door;
let silentDoor: Door;
let hub: Hub;
let sweep: Sweep;
const operator = { ...asUser("x"), userId: null, rights: "operator" as const };

beforeAll(async () => {
  database = await createMigratedDatabase("delivery_people");
  node = await startNode(database.connection);
  silent = await startNode(database.connection);
  const standings = createStandings(node.store.reader);
  const users = createUserDirectory({ store: node.store.users, createUnknown: true });
  door = openDoor(node, { standings, users });
  silentDoor = openDoor(silent);
  hub = new Hub({
    bus: node.bus,
    reader: node.store.ticks,
    log: silentLog,
    maxSendQueueBytes: 1 << 20,
    maxSessionsPerUser: 10,
    noteDelivered() {},
    nodeId: "n",
    onLost() {},
    watch: { conversationChanged: standings.forget, userChanged: users.forget, typingHeard() {} },
  });
  sweep = startSweep({
    hub,
    reader: node.store.ticks,
    intervalMs: 3_600_000,
    log: silentLog,
    now: Date.now,
    onNewEpoch() {},
  });
  await sweep.run();
});
afterAll(async () => {
  await sweep.stop();
  await node.close();
  await silent.close();
  await database.drop();
});

type Told = Event | Signal;

/** A connection that keeps what it is told. */
async function listen(userId: string) {
  await node.store.users.ensure([{ id: userId, name: null }]);
  const told: Told[] = [];
  const ends: string[] = [];
  const line = (value: Told | readonly Event[]) => Buffer.from(`${JSON.stringify([value].flat())}\n`);
  const codec: Codec = { events: line, signal: line, position: () => null };
  const outlet: Outlet = {
    codec,
    interest: null,
    write(buffers) {
      const lines = Buffer.concat(buffers).toString().split("\n").slice(0, -1);
      told.push(...lines.flatMap((one) => JSON.parse(one) as Told[]));
    },
    buffered: 0,
    drained: async () => {},
    end: (reason) => ends.push(reason),
  };
  const session = await hub.attach(userId, outlet);
  session.release();
  return { told, ends, session, [Symbol.dispose]: () => hub.detach(session) };
}
const resume = async (session: Session, clocks: ReadonlyMap<number, number>) => {
  let report: CatchUpReport | null = null;
  const parts = { hub, reader: node.store.ticks };
  await catchUp(parts, session, { kind: "clocks", epoch: null, clocks }, async (found) => {
    report = found;
  });
  return report as unknown as CatchUpReport;
};
const turns = () => new Promise((resolve) => setTimeout(resolve, 60));
const send = (conversationId: number, senderId: string, content: string, by = node) =>
  by.send({ conversationId, senderId, content });
const typing = (by: string, conversationId: number) =>
  door.execute(asUser(by), { type: "set-typing", conversationId, typing: true });

test("who is removed hears of it and then nothing: no message, edit, typing or presence, live or on a resume", async () => {
  const conversationId = await node.open(["ra", "rb", "rc"]);
  const { id: messageId, seq } = await send(conversationId, "ra", "before");
  using bob = await listen("rb");
  using cyd = await listen("rc");
  await typing("rb", conversationId);
  await door.execute(asUser("ra"), { type: "remove-participant", conversationId, userId: "rb" });
  await send(conversationId, "ra", "SECRET");
  await door.execute(asUser("ra"), { type: "edit-message", conversationId, messageId, content: "SECRET" });
  await typing("ra", conversationId);
  node.bus.publish([
    {
      topic: "everyone",
      kind: "presence",
      conversationIds: [conversationId],
      signal: {
        type: "presence",
        userId: "ra",
        status: "dnd",
        lastSeenAt: null,
        name: null,
        deviceType: null,
      },
      except: [],
    },
  ]);
  await turns();
  expect(bob.told).toMatchObject([{ type: "conversation.changed", removed: ["rb"] }]);
  expect(cyd.told.map((one) => one.type)).toEqual([
    "typing",
    "conversation.changed",
    "message.stored",
    "message.stored",
    "message.updated",
    "typing",
    "presence",
  ]);
  await expect(typing("rb", conversationId)).rejects.toMatchObject({ code: "not_participant" });
  expect(hub.smallConversations("rb")).toEqual([]);

  bob.told.length = 0;
  const report = await resume(bob.session, new Map([[conversationId, seq]]));
  await turns();
  expect(bob.told).toMatchObject([
    { type: "conversation.changed", removed: ["rb"], head: { participants: [] } },
  ]);
  expect(JSON.stringify([bob.told, report])).not.toContain("SECRET");
});

test("a removal by another node ends typing with the sweep at the latest, not some seconds later", async () => {
  const conversationId = await node.open(["ta", "tb"]);
  using bob = await listen("tb");
  using _ann = await listen("ta");
  await typing("tb", conversationId);
  await silentDoor.execute(asUser("ta"), { type: "remove-participant", conversationId, userId: "tb" });
  await sweep.run();
  await expect(typing("tb", conversationId)).rejects.toMatchObject({ code: "not_participant" });
  expect(bob.told.at(-1)).toMatchObject({ removed: ["tb"] });
});

test("settings changed by another node count from the moment this one hears of it", async () => {
  const conversationId = await node.open(["sa", "sb"]);
  using _ann = await listen("sa");
  const { id } = await send(conversationId, "sa", "parent");
  const reply = () =>
    door.execute(asUser("sb"), {
      type: "send-message",
      conversationId,
      senderId: "sb",
      idempotencyKey: null,
      messageType: "text",
      content: "reply",
      parentId: id,
      metadata: null,
      clientTime: null,
    });
  await reply();
  const settings = { allowReplies: false };
  await silentDoor.execute(asUser("sa"), { type: "update-conversation", conversationId, settings });
  await sweep.run();
  await expect(reply()).rejects.toMatchObject({ code: "forbidden" });
});

test("deleted for everyone: all are told at once and put out, and who was away learns nothing of what they missed", async () => {
  const conversationId = await node.open(["da", "db", "dc"]);
  using ann = await listen("da");
  using bob = await listen("db");
  await send(conversationId, "da", "SECRET");
  await turns();
  await door.execute(asUser("da"), { type: "delete-conversation", conversationId });
  await turns();
  for (const { told } of [ann, bob]) {
    const last = told.at(-1);
    expect(last).toMatchObject({
      type: "conversation.changed",
      deleted: true,
      head: { conversation: { name: null, participantCount: 0 }, participants: [] },
    });
    expect(last?.type === "conversation.changed" && last.removed.toSorted()).toEqual(["da", "db", "dc"]);
  }
  expect(hub.smallConversations("da")).toEqual([]);
  using cyd = await listen("dc");
  await resume(cyd.session, new Map([[conversationId, 0]]));
  await turns();
  expect(cyd.told).toMatchObject([
    { type: "conversation.changed", deleted: true, head: { participants: [] } },
  ]);
  expect(JSON.stringify(cyd.told)).not.toContain("SECRET");
});

test("a deletion that the bus forgot is told by the sweep, without what was said before it", async () => {
  const conversationId = await node.open(["ea", "eb"]);
  using bob = await listen("eb");
  await send(conversationId, "ea", "SECRET", silent);
  await silentDoor.execute(asUser("ea"), { type: "delete-conversation", conversationId });
  await sweep.run();
  await turns();
  expect(bob.told).toMatchObject([{ type: "conversation.changed", deleted: true }]);
  expect(hub.clocks().map((one) => one.conversationId)).not.toContain(conversationId);
});

/** Ann, who was there from the start, and bob, who came when history was hidden. */
async function hiddenHistory(name: string) {
  const [ann, bob] = [`${name}-ann`, `${name}-bob`];
  const conversationId = await node.open([ann]);
  const old = await send(conversationId, ann, "old");
  await node.change({ kind: "settings", conversationId, by: ann, settings: { historyVisible: false } });
  await node.change({ kind: "add", conversationId, by: ann, userIds: [bob], maxParticipants: 9 });
  const recent = await send(conversationId, ann, "recent");
  const edit = (messageId: number, content: string, by = door) =>
    by.execute(asUser(ann), { type: "edit-message", conversationId, messageId, content });
  const react = (messageId: number) =>
    door.execute(asUser(ann), { type: "react", conversationId, messageId, emoji: "👍", add: true });
  return { ann, bob, conversationId, old, recent, edit, react };
}

const contents = (told: readonly Told[]) =>
  told.map((one) => ("message" in one ? `${one.type} ${one.message.content}` : one.type));

test("where history is hidden, what becomes of messages from before one's joining is not told either", async () => {
  const { ann, bob, conversationId, old, recent, edit, react } = await hiddenHistory("hid");
  using annHere = await listen(ann);
  using bobHere = await listen(bob);
  await edit(old.id, "old, edited");
  await react(old.id);
  await edit(recent.id, "recent, edited");
  await react(recent.id);
  await door.execute(asUser(ann), { type: "delete-message", conversationId, messageId: old.id });
  await turns();
  expect(contents(annHere.told)).toEqual([
    "message.updated old, edited",
    "reaction.changed old, edited",
    "message.updated recent, edited",
    "reaction.changed recent, edited",
    "message.updated ",
  ]);
  expect(contents(bobHere.told)).toEqual([
    "message.updated recent, edited",
    "reaction.changed recent, edited",
  ]);

  // Shown again, it is told again; and hidden again, not.
  const show = (historyVisible: boolean) =>
    door.execute(asUser(ann), { type: "update-conversation", conversationId, settings: { historyVisible } });
  bobHere.told.length = 0;
  await show(true);
  await react(old.id).catch(() => {});
  const { id } = await send(conversationId, ann, "new");
  await show(false);
  await edit(id, "new, edited");
  await turns();
  expect(contents(bobHere.told)).toEqual([
    "conversation.changed",
    "message.stored new",
    "conversation.changed",
    "message.updated new, edited",
  ]);
});

test("nor by what a hole is filled with", async () => {
  const { bob, old, recent, edit } = await hiddenHistory("hole");
  using here = await listen(bob);
  await edit(old.id, "old, edited", silentDoor);
  await edit(recent.id, "recent, edited", silentDoor);
  await sweep.run();
  await turns();
  expect(contents(here.told)).toEqual(["message.updated recent, edited"]);
});

test("how one's conversations are kept is told to one's own devices, never ahead of what they were told", async () => {
  const conversationId = await node.open(["pa", "pb"]);
  using ann = await listen("pa");
  using bob = await listen("pb");
  await silent.send({ conversationId, senderId: "pb", content: "not told here yet" });
  await door.execute(asUser("pa"), { type: "set-preferences", conversationId, muted: true });
  await turns();
  expect(ann.told).toMatchObject([
    { type: "entry", entry: { muted: true, unread: 1, head: { conversation: { clock: 1 } } } },
  ]);
  expect(bob.told).toEqual([]);
});

test("a deactivated user's connections end, by the bus at once and by the sweep at the latest", async () => {
  using one = await listen("gone-1");
  using two = await listen("gone-2");
  await door.execute(operator, { type: "deactivate-user", userId: "gone-1", deactivated: true });
  expect([one.ends, two.ends]).toEqual([["deactivated"], []]);
  await silentDoor.execute(operator, { type: "deactivate-user", userId: "gone-2", deactivated: true });
  await sweep.run();
  expect(two.ends).toEqual(["deactivated"]);
});

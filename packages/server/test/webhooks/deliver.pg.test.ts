import type { WebhookWish } from "@parlance/protocol/webhooks.ts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createInProcessBuckets } from "../../src/adapters/limits/in-process-buckets.ts";
import { createPoster, type Poster, systemResolve } from "../../src/adapters/outgoing/post.ts";
import type { PostgresStore } from "../../src/adapters/store/postgres-store.ts";
import type { Caller } from "../../src/core/caller.ts";
import { silentLog } from "../../src/core/ports/log.ts";
import { webhookDataOf } from "../../src/dialects/stomp/shapes/webhooks.ts";
import { type Deliverer, type DelivererOptions, startDeliverer } from "../../src/webhooks/deliverer.ts";
import { openDoor } from "../support/door.ts";
import { startNode, upTo, type WritingNode } from "../support/node.ts";
import { createMigratedDatabase, type TestDatabase, withClient } from "../support/postgres.ts";
import { openReceiver, type Receiver, verify } from "./support/receiver.ts";

const SERVICE: Caller = { userId: null, name: null, rights: "service", expiresAt: null };

let database: TestDatabase;
let node: WritingNode;
let receiver: Receiver;
let poster: Poster;
let deliverers: Deliverer[];

beforeEach(async () => {
  database = await createMigratedDatabase("webhooks");
  node = await startNode(database.connection);
  receiver = await openReceiver();
  // What is slow because this machine is busy is to be no failure.
  poster = openPoster(5_000);
  deliverers = [];
});
afterEach(async () => {
  for (const deliverer of deliverers) await deliverer.stop(0);
  await poster.close();
  await receiver[Symbol.asyncDispose]();
  await node.close();
  await database.drop();
});

function openPoster(timeoutMs: number): Poster & AsyncDisposable {
  const made = createPoster({ allowPrivate: true, ownHosts: [], resolve: systemResolve, timeoutMs });
  return { ...made, [Symbol.asyncDispose]: made.close };
}

/** As a server would, in less time. */
function deliver(over: Partial<DelivererOptions> = {}, store: PostgresStore = node.store): Deliverer {
  const deliverer = startDeliverer({
    outbox: store.outbox,
    post: poster.post,
    dataOf: (event) => webhookDataOf(event, 25),
    pace: createInProcessBuckets(100_000, () => performance.now()),
    waits: [50, 50, 50, 50],
    disableAfterMs: 60_000,
    leaseMs: 2_000,
    pollMs: 20,
    idleMs: 20,
    log: silentLog,
    now: Date.now,
    random: Math.random,
    ...over,
  });
  deliverers.push(deliverer);
  return deliverer;
}

const register = (path: string, events: WebhookWish = ["*"], secret: string | null = null) =>
  openDoor(node).execute(SERVICE, { type: "create-webhook", url: receiver.url + path, events, secret });

const deliveriesOf = async (webhookId: number) =>
  (
    await openDoor(node).answer(SERVICE, { type: "read-deliveries", webhookId, before: null, limit: 200 })
  ).deliveries.toReversed();

const webhook = async (id: number) =>
  (await openDoor(node).answer(SERVICE, { type: "read-webhooks" })).find((one) => one.id === id);

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** As many that have ended, oldest first. */
async function settled(webhookId: number, n: number) {
  const ended = async () => (await deliveriesOf(webhookId)).filter(({ state }) => state !== "pending");
  await until(async () => (await ended()).length >= n);
  return await ended();
}

const say = (conversationId: number, content: string, key: string | null = null) =>
  node.send({ conversationId, senderId: "ann", content, idempotencyKey: key });

describe("what is told", () => {
  test("every event, in order, signed so that the standard's library takes it", async () => {
    const { webhook: hook, secret } = await register("/all");
    deliver();
    const conversationId = await node.open(["ann", "bob"]);
    const { id: messageId } = await say(conversationId, "hello");
    const by = { conversationId, by: "ann" } as const;
    await node.change({ ...by, kind: "edit", messageId, content: "hi", mentions: [] });
    await node.change({ ...by, kind: "react", messageId, emoji: "👍", add: true, maxEmoji: 10 });
    await node.change({ ...by, kind: "pin", messageId, pin: true, maxPins: 10 });
    await node.read(conversationId, "bob", 5);
    await node.change({ ...by, kind: "add", userIds: ["cat", "dan"], maxParticipants: 10 });
    await node.change({ ...by, kind: "settings", name: "new name" });
    await node.change({ ...by, kind: "remove", userId: "dan", userRole: "member" });
    await node.change({ ...by, kind: "delete", messageId });

    const all = await receiver.count(11, "/all");
    expect(all.map(({ event }) => [event.type, event.data.seq])).toEqual([
      ["chat_conversation.created", 1],
      ["chat_message.sent", 2],
      ["chat_message.updated", 3],
      ["chat_message.reaction", 4],
      ["chat_message.updated", 5],
      ["chat_receipt.read", 5],
      ["chat_participant.added", 6],
      ["chat_participant.added", 6],
      ["chat_conversation.updated", 7],
      ["chat_participant.removed", 8],
      ["chat_message.deleted", 9],
    ]);
    for (const one of all) {
      expect(verify(one, secret as string)).toEqual(one.event);
      expect(one.event.data.conversationId).toBe(conversationId);
      expect(one.event.timestamp).toMatch(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/);
      expect(one.headers["webhook-id"]).toMatch(/^msg_[0-9a-f-]{36}$/);
      expect(one.headers["content-type"]).toBe("application/json");
    }
    expect(new Set(all.map(({ headers }) => headers["webhook-id"])).size).toBe(11);
    expect(all[10]?.event.data).toMatchObject({ id: messageId, isDeleted: true, content: null });
    expect(all[3]?.event.data).toMatchObject({ messageId, userId: "ann", emoji: "👍", added: true });
    expect(all.slice(6, 8).map(({ event }) => event.data.userId)).toEqual(["cat", "dan"]);
    expect(all[9]?.event.data).toMatchObject({ userId: "dan" });
    expect(all[5]?.event.data).toMatchObject({ userId: "bob", lastReadMessageId: messageId });
    expect(await settled(hook.id, 11)).toMatchObject(Array(11).fill({ state: "delivered", attempts: 1 }));
  });

  test("of a batch every message once, and only what is wanted; a retry of a key tells nothing again", async () => {
    await register("/sent", ["chat_message.sent"]);
    await register("/deleted", ["chat_message.deleted", "chat_participant.added"]);
    const conversationId = await node.open(["ann", "bob"]);
    await Promise.all(upTo(100).map((i) => say(conversationId, `n${i}`, `k${i}`)));
    await Promise.all(upTo(100).map((i) => say(conversationId, `n${i}`, `k${i}`)));
    deliver();
    const all = await receiver.count(100, "/sent");
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(receiver.on("/sent")).toHaveLength(100);
    expect(receiver.on("/deleted")).toHaveLength(0);
    expect(all.map(({ event }) => event.data.seq)).toEqual(upTo(100).map((i) => i + 1));
  });

  test("what was deleted before it was sent is not told any more, with its conversation neither", async () => {
    await register("/late", ["chat_message.sent"]);
    const [one, two] = [await node.open(["ann"]), await node.open(["ann"])];
    const { id } = await say(one, "canary one");
    await say(two, "canary two");
    await node.change({ conversationId: one, by: "ann", kind: "delete", messageId: id });
    await node.change({ conversationId: two, by: "ann", kind: "delete-conversation" });
    deliver();
    const all = await receiver.count(2, "/late");
    for (const { body, event } of all) {
      expect(body).not.toContain("canary");
      expect(event).toMatchObject({ type: "chat_message.sent", data: { content: null, isDeleted: true } });
    }
    await withClient(database.connection, async (client) => {
      const { rows } = await client.query("select e::text as text from webhook_events e");
      expect(rows.map(({ text }) => text).join()).not.toContain("canary");
    });
  });

  test("two secrets sign while the one before is kept", async () => {
    const { webhook: hook, secret: before } = await register("/rotate");
    const { secret: after } = await openDoor(node).execute(SERVICE, {
      type: "update-webhook",
      webhookId: hook.id,
      secret: null,
    });
    expect(after).not.toBe(before);
    deliver();
    await node.open(["ann"]);
    const [one] = await receiver.count(1, "/rotate");
    if (one === undefined) throw new Error("nothing came");
    expect(verify(one, before as string)).toEqual(one.event);
    expect(verify(one, after as string)).toEqual(one.event);
    expect(() => verify({ ...one, body: `${one.body} ` }, after as string)).toThrow();
    const stale = String(Math.floor(Date.now() / 1_000) - 360);
    expect(() =>
      verify({ ...one, headers: { ...one.headers, "webhook-timestamp": stale } }, after as string),
    ).toThrow();
  });
});

describe("endpoints that fail", () => {
  test("500 twice, then taken: the same webhook-id, later ones in order behind it", async () => {
    const { webhook: hook } = await register("/flaky", ["chat_message.sent"]);
    receiver.answer((response, _received, nth) => response.writeHead(nth <= 2 ? 500 : 200).end("words"));
    deliver();
    const conversationId = await node.open(["ann"]);
    await say(conversationId, "one");
    await say(conversationId, "two");
    const all = await receiver.count(4, "/flaky");
    expect(all.map(({ event }) => event.data.content)).toEqual(["one", "one", "one", "two"]);
    expect(new Set(all.slice(0, 3).map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    expect(await settled(hook.id, 2)).toMatchObject([
      { state: "delivered", attempts: 3, lastStatus: 200, lastAnswer: "words" },
      { state: "delivered", attempts: 1 },
    ]);
    expect(await webhook(hook.id)).toMatchObject({ failingSince: null, disabledAt: null });
  });

  test.for<[string, Parameters<Receiver["answer"]>[0], object]>([
    ["redirects", (response) => response.writeHead(302, { location: "/other" }).end(), { lastStatus: 302 }],
    [
      "permanent ones",
      (response) => response.writeHead(308, { location: "/other" }).end(),
      { lastStatus: 308 },
    ],
    ["silence", () => {}, { lastStatus: null, lastAnswer: "no answer in time" }],
    ["resets", (response) => response.socket?.resetAndDestroy(), { lastStatus: null }],
    [
      "headers without end",
      ({ socket }) => {
        socket?.write("HTTP/1.1 200 OK\r\n");
        const timer = setInterval(() => socket?.write(`x-${"a".repeat(1_000)}: b\r\n`), 1);
        socket?.on("error", () => {});
        socket?.once("close", () => clearInterval(timer));
      },
      { lastStatus: null },
    ],
  ])("%s are failures, until the schedule is over; a replay begins it anew", async ([, answer, last]) => {
    const { webhook: hook } = await register("/bad", ["chat_message.sent"]);
    let hurry = true;
    receiver.answer(answer);
    await using hasty = openPoster(600);
    deliver({ waits: [20], post: (request) => (hurry ? hasty : poster).post(request) });
    const conversationId = await node.open(["ann"]);
    await say(conversationId, "one");
    const [failed] = await settled(hook.id, 1);
    expect(failed).toMatchObject({ state: "failed", attempts: 2, ...last });
    expect(receiver.on("/other")).toHaveLength(0);
    receiver.answer((response) => response.writeHead(200).end());
    hurry = false;
    await openDoor(node).execute(SERVICE, {
      type: "replay-delivery",
      webhookId: hook.id,
      deliveryId: failed?.id as number,
    });
    await receiver.count(3, "/bad");
    await until(async () => (await deliveriesOf(hook.id))[0]?.state === "delivered");
    expect(new Set(receiver.on("/bad").map(({ headers }) => headers["webhook-id"])).size).toBe(1);
  });

  test("429 is tried again when it asks to be, and not before; nobody is left alone for longer than an hour", async () => {
    const { webhook: hook } = await register("/busy", ["chat_message.sent"]);
    receiver.answer((response, _received, nth) =>
      response.writeHead(nth === 1 ? 429 : 204, { "retry-after": "1" }).end(),
    );
    deliver({ waits: [1] });
    await say(await node.open(["ann"]), "one");
    const [first, second] = await receiver.count(2, "/busy");
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(995);
    expect(await settled(hook.id, 1)).toMatchObject([{ state: "delivered", attempts: 2 }]);

    const year = 365 * 24 * 3_600;
    receiver.answer((response) => response.writeHead(429, { "retry-after": String(year) }).end());
    await say(await node.open(["ann"]), "two");
    await until(async () => (await deliveriesOf(hook.id))[1]?.attempts === 1);
    const wait = "extract(epoch from next_at - now())::int as wait";
    const { rows } = await withClient(database.connection, (client) =>
      client.query(`select ${wait} from webhook_lines`),
    );
    expect(rows).toHaveLength(1);
    expect(rows[0].wait).toBeGreaterThan(3_500);
    expect(rows[0].wait).toBeLessThanOrEqual(3_600);
  });

  test("bodies without end and packed ones are cut: what counts is the status", async () => {
    const { webhook: hook } = await register("/endless", ["chat_message.sent"]);
    let written = 0;
    receiver.answer((response) => {
      response.writeHead(200, { "content-encoding": "gzip" });
      const more = (): void => {
        for (let ok = true; ok && !response.destroyed; written += 65_536)
          ok = response.write(Buffer.alloc(65_536));
      };
      response.on("drain", more);
      more();
    });
    deliver();
    await say(await node.open(["ann"]), "one");
    expect(await settled(hook.id, 1)).toMatchObject([{ state: "delivered", attempts: 1 }]);
    expect(written).toBeLessThan(16 * 1024 * 1024);
  });

  test("410 disables: nothing more is sent, what waited has failed", async () => {
    const { webhook: hook } = await register("/gone", ["chat_message.sent"]);
    receiver.answer((response) => response.writeHead(410).end());
    const conversationId = await node.open(["ann"]);
    await say(conversationId, "one");
    await say(conversationId, "two");
    deliver();
    expect(await settled(hook.id, 2)).toMatchObject([
      { state: "failed", attempts: 1, lastStatus: 410 },
      { state: "failed", attempts: 0, lastAnswer: "the webhook was disabled" },
    ]);
    expect(await webhook(hook.id)).toMatchObject({ disabledReason: "gone" });
    await say(conversationId, "three");
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await deliveriesOf(hook.id)).toHaveLength(2);
    await openDoor(node).execute(SERVICE, { type: "update-webhook", webhookId: hook.id, enabled: true });
    receiver.answer((response) => response.writeHead(200).end());
    await say(conversationId, "four");
    expect((await receiver.count(2, "/gone")).map(({ event }) => event.data.content)).toEqual([
      "one",
      "four",
    ]);
  });

  test("who takes nothing for long is disabled", async () => {
    const { webhook: hook } = await register("/dead", ["chat_message.sent"]);
    receiver.answer((response) => response.writeHead(503).end());
    deliver({ waits: Array(100).fill(50), disableAfterMs: 400 });
    await say(await node.open(["ann"]), "one");
    expect(await settled(hook.id, 1)).toMatchObject([{ state: "failed", lastStatus: 503 }]);
    expect(await webhook(hook.id)).toMatchObject({ disabledReason: "failing" });
  });
});

test("who answers each message by another goes round at a pace; others are not held up", async () => {
  const { webhook: hook } = await register("/loop", ["chat_message.sent"]);
  const [looping, other] = [await node.open(["ann"]), await node.open(["ann"])];
  let going = true;
  receiver.answer((response, { event }) => {
    if (going && event.data.conversationId === looping) void say(looping, "again");
    response.writeHead(204).end();
  });
  const warned: object[] = [];
  const log = { ...silentLog, warn: (about: object) => void warned.push(about) };
  // Sixty at once, and then one a second of a clock that stands still.
  let clock = 0;
  deliver({ pace: createInProcessBuckets(60, () => clock), log });
  const cameOf = (conversationId: number) =>
    receiver.received.filter(({ event }) => event.data.conversationId === conversationId).length;
  await say(looping, "the first");
  await until(async () => warned.length > 0);
  expect(cameOf(looping)).toBe(60);
  for (const i of upTo(5)) await say(other, `n${i}`);
  await until(async () => cameOf(other) === 5);
  expect(cameOf(looping)).toBe(60);
  clock = 2_000;
  await until(async () => cameOf(looping) === 62);
  expect(warned).toEqual([{ webhookId: hook.id, conversationId: looping }]);
  going = false;
  clock = 60_000;
});

describe("many", () => {
  test("one that hangs of a hundred keeps nobody waiting", async () => {
    await Promise.all(upTo(100).map((i) => register(`/h${i}`, ["chat_message.sent"])));
    receiver.answer((response, { path }) => {
      if (path !== "/h50") response.writeHead(204).end();
    });
    deliver();
    const conversations = await Promise.all(upTo(3).map(() => node.open(["ann"])));
    const said = await Promise.all(conversations.flatMap((id) => upTo(2).map((i) => say(id, `n${i}`))));
    const wanted = new Set(said.map(({ id }) => id));
    for (const i of upTo(100).filter((one) => one !== 50)) {
      await until(
        async () => new Set(receiver.on(`/h${i}`).map(({ event }) => event.data.id)).size === wanted.size,
      );
      expect(new Set(receiver.on(`/h${i}`).map(({ event }) => event.data.id))).toEqual(wanted);
    }
    expect(receiver.on("/h50").length).toBeLessThan(20);
  }, 90_000);

  test("several processes share the work: each delivery once, in order, while nothing fails", async () => {
    await register("/shared", ["chat_message.sent"]);
    await using other = await startNode(database.connection);
    deliver();
    const second = deliver({}, other.store);
    const conversations = await Promise.all(upTo(5).map(() => node.open(["ann"])));
    await Promise.all(conversations.flatMap((id) => upTo(40).map((i) => say(id, `n${i}`))));
    await receiver.count(200, "/shared");
    await new Promise((resolve) => setTimeout(resolve, 300));
    await second.stop(1_000);
    expect(receiver.on("/shared")).toHaveLength(200);
    for (const conversationId of conversations) {
      const seqs = receiver.on("/shared").filter(({ event }) => event.data.conversationId === conversationId);
      expect(seqs.map(({ event }) => event.data.seq)).toEqual(upTo(40).map((i) => i + 1));
    }
  });

  test("who dies between sending and marking is followed by another, with the same webhook-id", async () => {
    const { webhook: hook } = await register("/dies", ["chat_message.sent"]);
    const dying = await startNode(database.connection);
    const { outbox } = dying.store;
    const dead = deliver(
      { outbox: { ...outbox, settle: () => Promise.reject(new Error("killed")) }, leaseMs: 300 },
      dying.store,
    );
    await say(await node.open(["ann"]), "one");
    await receiver.count(1, "/dies");
    await dead.stop(0);
    await dying.close();
    deliver();
    const [first, second] = await receiver.count(2, "/dies");
    expect(second?.headers["webhook-id"]).toBe(first?.headers["webhook-id"]);
    expect(await settled(hook.id, 1)).toMatchObject([{ state: "delivered" }]);
  });
});

import { spellPrefixed } from "@parlance/protocol/ids.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectOtherNode, type OtherNode } from "../support/other-node.ts";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { connect, type Received, say } from "../support/socket.ts";
import { conversationOf, openLive } from "./support/live-client.ts";

/** What is sent and what is heard, through the real server. */

let scene: Scene;
let server: ServerProcess;
let other: OtherNode;
beforeAll(async () => {
  scene = await openScene("stomp_live");
  server = await scene.start({ TYPING_TTL_SECONDS: "1", SWEEP_SECONDS: "1" });
  other = await connectOtherNode(scene.database);
});
afterAll(async () => {
  await other.close();
  await scene.close();
});

const TOPICS = ["messages", "updates", "reactions", "receipts", "typing", "presence", "acks", "errors"];

async function openAll(user: string, name?: string) {
  const client = await openLive(server, user, name === undefined ? {} : { name });
  for (const topic of TOPICS) await client.subscribe(topic);
  return client;
}

test("CONNECTED says who one is and where one stands", async () => {
  using ann = await openLive(server, "ann");
  expect(ann.connected.get("user-name")).toBe("ann");
  expect(ann.connected.get("version")).toBe("1.2");
  expect(ann.connected.get("heart-beat")).toBe("10000,10000");
  expect(ann.connected.get("position")).toMatch(/^[0-9a-z]{8}\./);
});

test("a message is told to all its people's subscriptions, the sender's too, and to nobody else", async () => {
  const conversation = await conversationOf(server, ["1", "bea"]);
  using ann = await openAll("1", "Ann");
  using phone = await openAll("1", "Ann");
  using bea = await openAll("bea");
  using silent = await openLive(server, "bea");
  using eve = await openAll("eve");
  await bea.subscribe("messages", { id: "again" });

  await ann.ask("send", { conversationId: conversation, content: "hello\nthere", tempId: "t:1" });
  const own = await ann.until("messages");
  expect(own).toMatchObject({
    destination: "/user/queue/chat/messages",
    body: {
      conversationId: conversation,
      messageType: "TEXT",
      content: "hello\nthere",
      senderId: 1,
      senderName: "Ann",
      parentMessageId: null,
      replyCount: 0,
      isEdited: false,
      isDeleted: false,
      attachments: [],
      reactionSummary: {},
      tempId: "t:1",
    },
  });
  expect(own.id).toBe(String(own.body.id));
  expect(own.position).toBeDefined();
  const { tempId: _, ...body } = own.body;
  for (const [client, subscription] of [
    [phone, "messages"],
    [bea, "messages"],
    [bea, "again"],
  ] as const) {
    expect((await client.until(subscription)).body).toEqual(body);
  }
  const ack = await ann.until("acks");
  expect(ack.body).toMatchObject({ tempId: "t:1", messageId: own.body.id, seq: own.body.seq });

  await bea.unsubscribe("again");
  await bea.ask("send", { conversationId: String(conversation), content: "back" });
  await bea.until("messages", (told) => told.body.content === "back");
  await ann.until("messages", (told) => told.body.content === "back");
  expect(bea.told("again")).toHaveLength(1);
  expect(silent.told()).toEqual([]);
  expect(eve.told()).toEqual([]);
});

test("an own message over SockJS has its tempId too, whatever is in it", async () => {
  const conversation = await conversationOf(server, ["sock", "bea"]);
  using client = await openLive(server, "sock", { version: "1.1" });
  await client.subscribe("messages");
  const text = 'ünï "quoted" \\ \u2028 \0'.replace("\0", "");
  await client.ask("send", { conversationId: conversation, content: text, tempId: 'a"b\\' });
  expect((await client.until("messages")).body).toMatchObject({ content: text, tempId: 'a"b\\' });
});

test("a repeated key is stored once, acknowledged again and told once", async () => {
  const conversation = await conversationOf(server, ["kim", "bea"]);
  using kim = await openAll("kim");
  const key = { "idempotency-key": "once" };
  await kim.ask("send", { conversationId: conversation, content: "one", tempId: "a" }, key);
  await kim.ask("send", { conversationId: conversation, content: "one", tempId: "b" }, key);
  await kim.ask("send", { conversationId: conversation, content: "one", idempotencyKey: "once" });
  kim.send("send", { conversationId: conversation, content: "other", tempId: "c" }, { ...key, receipt: "x" });
  expect(await kim.error()).toMatchObject({ code: "KEY_REUSED", tempId: "c", receipt: "x" });
  const [first, second] = kim.told("acks").map((told) => told.body);
  expect(second).toEqual({ ...first, tempId: "b", duplicate: true });
  await kim.ask("send", { conversationId: conversation, content: "two" });
  await kim.until("messages", (told) => told.body.content === "two");
  expect(kim.told("messages").map((told) => told.body.content)).toEqual(["one", "two"]);
});

test("edits, deletions, pins, people and settings are updates; reactions and receipts have their own", async () => {
  const conversation = await conversationOf(server, ["gus", "hal"], "Group");
  using gus = await openAll("gus");
  using hal = await openAll("hal");
  const socket = await connect(server, { user: "gus" });
  await gus.ask("send", { conversationId: conversation, content: "first" });
  const { id } = (await hal.until("messages")).body;
  await socket.ask("message.edit", { conversation_id: conversation, message_id: id, content: "better" });
  expect((await hal.until("updates", ({ body }) => body.type === "message.updated")).body).toMatchObject({
    conversationId: conversation,
    message: { id, content: "better", isEdited: true },
  });

  await hal.ask("reaction", { conversationId: conversation, messageId: id, emoji: "👍", add: true });
  const reaction = await gus.until("reactions");
  expect(reaction.body).toMatchObject({
    messageId: id,
    conversationId: conversation,
    userId: "hal",
    emoji: "👍",
    added: true,
    summary: { "👍": 1 },
  });
  await hal.ask("reaction", { conversationId: conversation, messageId: id, emoji: "👍", add: false });
  expect((await gus.until("reactions", undefined, 1)).body).toMatchObject({ added: false, summary: {} });

  await hal.ask("markRead", { conversationId: conversation });
  expect((await gus.until("receipts")).body).toMatchObject({
    conversationId: conversation,
    userId: "hal",
    lastReadMessageId: id,
  });
  // That it has been delivered to them since then is no receipt.
  await gus.ask("send", { conversationId: conversation, content: "second" });
  await socket.until(
    ({ event, payload }) => event === "receipt" && payload.delivered_seq > payload.read_seq,
    "",
  );
  expect(gus.told("receipts")).toHaveLength(1);

  await socket.ask("message.delete", { conversation_id: conversation, message_id: id });
  expect((await hal.until("updates", ({ body }) => body.type === "message.deleted")).body).toMatchObject({
    message: { id, content: null, isDeleted: true },
  });
  await socket.close();
});

test("a message counts as delivered to who has subscribed to messages", async () => {
  const conversation = await conversationOf(server, ["lea", "max"]);
  const lea = await connect(server, { user: "lea" });
  using max = await openLive(server, "max");
  for (const topic of ["typing", "updates"]) await max.subscribe(topic);
  const isMax = ({ event, payload }: Received): boolean => event === "receipt" && payload.user_id === "max";
  await say(lea, spellPrefixed("conversation", conversation), "unheard");
  await max.subscribe("messages", { id: "late" });
  const { seq } = await say(lea, spellPrefixed("conversation", conversation), "heard");
  await lea.until(isMax, "receipt");
  expect(lea.frames.filter(isMax).map(({ payload }) => payload.delivered_seq)).toEqual([seq]);
  await lea.close();
});

test("typing is told to the others, and ends by itself", async () => {
  const conversation = await conversationOf(server, ["tim", "una"]);
  using tim = await openAll("tim", "Tim");
  using una = await openAll("una");
  await tim.ask("typing", { conversationId: conversation, typing: true });
  const typing = { conversationId: conversation, userId: "tim", userName: "Tim" };
  expect((await una.until("typing")).body).toEqual({ ...typing, typing: true });
  expect((await una.until("typing", undefined, 1)).body).toEqual({ ...typing, typing: false });
  expect(tim.told("typing")).toEqual([]);
});

test("CONNECT makes online; who appears offline is so until they say otherwise", async () => {
  await conversationOf(server, ["pat", "quin"]);
  using quin = await openAll("quin");
  using pat = await openAll("pat");
  const seen = (status: string) => (told: { body: { userId: string; status: string } }) =>
    told.body.userId === "pat" && told.body.status === status;
  expect((await quin.until("presence", seen("ONLINE"))).body).toMatchObject({ online: true });
  await pat.ask("presence", { online: false, deviceType: "web" });
  await quin.until("presence", seen("OFFLINE"));
  const before = quin.told("presence").length;
  await pat.ask("presence", { online: true, deviceType: "web" });
  const again = await quin.until("presence", seen("ONLINE"), before);
  expect(again.body).toMatchObject({ userId: "pat", online: true, deviceType: "web", lastSeenAt: null });
  // One's own devices hear it as well.
  await pat.until("presence", seen("OFFLINE"));
  await pat.ask("heartbeat", undefined);
});

test("what cannot be done is told on the errors destination, and the session lives", async () => {
  using ivo = await openAll("ivo");
  const sentence = "You are not a participant in this conversation";
  const foreign = await conversationOf(server, ["jo", "kay"]);
  let told = 0;
  const refused = async (expected: object): Promise<void> => {
    expect(await ivo.error(told++)).toMatchObject(expected);
  };
  for (const conversationId of [foreign, 999_999_999, "conv_abc123"]) {
    ivo.send("send", { conversationId, content: "x", tempId: "t" }, { receipt: "never" });
    await refused({ error: sentence, code: "NOT_PARTICIPANT", tempId: "t", receipt: "never" });
  }
  ivo.send("nowhere", { tempId: "n" });
  await refused({ code: "NOT_FOUND", tempId: "n" });
  for (const destination of [
    "/topic/all",
    "/topic/*",
    "/user/jo/queue/chat/messages",
    "/user/queue/chat/*",
    "/user/queue/chat/>",
    "/user/queue/chat/Messages",
    "/user/queue/chat/messages/",
    "/user/queue/../queue/chat/messages",
    "/queue/chat/messages",
    "toString",
    "",
  ]) {
    ivo.raw.send(`SUBSCRIBE\nid:x\ndestination:${destination}\nreceipt:sub\n\n\0`);
    await refused({ code: "NOT_FOUND", receipt: "sub" });
  }
  for (const body of ["{", "[]", '"text"', '{"conversationId":1.5,"content":"x"}', '{"a":1,"a":2}', "\xff"]) {
    ivo.raw.send(Buffer.from(`SEND\ndestination:/app/chat.send\n\n${body}\0`, "latin1"));
    await refused({ code: "INVALID" });
  }
  ivo.send("send", { conversationId: foreign, content: "x", messageType: "SYSTEM" });
  await refused({ code: "INVALID" });
  for (const since of ["nonsense", "", "x".repeat(5_000)]) {
    ivo.raw.send(`SUBSCRIBE\nid:s\ndestination:/user/queue/chat/messages\nsince:${since}\n\n\0`);
    await refused({ code: "INVALID_POSITION" });
  }
  await ivo.subscribe("messages", { id: "s" });
  expect(ivo.raw.frames.some(({ headers }) => headers.get("receipt-id") === "never")).toBe(false);
  expect(ivo.told("errors")).toHaveLength(told);
});

test("who is removed hears of it, and nothing after it", async () => {
  const conversation = await conversationOf(server, ["owner", "gone", "stays"], "Trio");
  using owner = await openAll("owner");
  using gone = await openAll("gone");
  await owner.ask("send", { conversationId: conversation, content: "before" });
  await gone.until("messages");
  await other.change({
    kind: "remove",
    conversationId: conversation,
    userId: "gone",
  });
  await owner.ask("send", { conversationId: conversation, content: "after" });
  const removal = await gone.until("updates", ({ body }) => body.type === "participant.removed");
  expect(removal.body).toMatchObject({ conversationId: conversation, removed: ["gone"] });
  gone.send("send", { conversationId: conversation, content: "still?" });
  expect(await gone.error()).toMatchObject({ code: "NOT_PARTICIPANT" });
  expect(gone.told("messages").map((told) => told.body.content)).toEqual(["before"]);
});

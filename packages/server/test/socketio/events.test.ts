import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { connect as connectWs } from "../support/socket.ts";
import { conversationOf, type Options, open, say } from "./client.ts";

let scene: Scene;
let server: ServerProcess;
beforeAll(async () => {
  scene = await openScene("sio_events");
  server = await scene.start({ TYPING_TTL_SECONDS: "1" });
});
afterAll(() => scene.close());

const NOT_IN_IT = "User is not a participant in this conversation";
/** Long enough for anything that should not come to have come. */
const quiet = () => new Promise((resolve) => setTimeout(resolve, 150));

describe.each<[string, Options]>([
  ["websocket", { transports: ["websocket"] }],
  ["polling", { transports: ["polling"] }],
  ["polling, then upgraded", { transports: ["polling", "websocket"] }],
])("over %s", (name, transports) => {
  const people = [`a-${name}`, `b-${name}`] as const;

  test("a burst comes whole and in order, and acks say what was stored", async () => {
    const conversation = await conversationOf(server, people, `burst ${name}`);
    using ann = await open(server, people[0], transports);
    using ben = await open(server, people[1], transports);
    expect(await ben.ask("join_conversation", { conversation_id: conversation })).toEqual({
      success: true,
      data: { conversation_id: conversation, seq: 1, epoch: expect.any(String) },
    });
    const acks = await Promise.all(
      Array.from({ length: 300 }, (_, i) => say(ann, conversation, `n${i} ${"é".repeat(i)}`)),
    );
    expect(acks.map(({ seq }) => seq)).toEqual(acks.map((_, i) => i + 2));
    await expect.poll(() => ben.all("new_message").length, { timeout: 10_000 }).toBe(300);
    for (const told of [ann, ben]) {
      expect(told.all("new_message").map(({ id, seq, content }) => ({ id, seq, content }))).toEqual(
        acks.map(({ id, seq, content }) => ({ id, seq, content })),
      );
    }
  });
});

test("what is joined is heard, what is left is not, what oneself sends always", async () => {
  const [one, two] = [
    await conversationOf(server, ["ann", "ben"], "one"),
    await conversationOf(server, ["ann", "ben"], "two"),
  ];
  using ann = await open(server, "ann");
  using second = await open(server, "ann");
  using ben = await open(server, "ben");
  await ben.ask("join_conversation", one);
  await say(ann, one, "joined");
  await say(ann, two, "not joined");
  await ben.ask("leave_conversation", { conversationId: one });
  await say(ann, one, "left");
  const { body } = await server.request(`/api/v1/chat/${two}`);
  const web = await connectWs(server, { user: "ann" });
  await web.ask("message.send", { conversation_id: body.conversation_id, content: "from another dialect" });
  const everything = ["joined", "not joined", "left", "from another dialect"];
  for (const own of [ann, second]) {
    await expect.poll(() => own.all("new_message").map(({ content }) => content)).toEqual(everything);
  }
  await quiet();
  expect(ben.all("new_message").map(({ content }) => content)).toEqual(["joined"]);
  await web.close();
});

test("autojoin hears everything, new conversations too, but for what is left", async () => {
  const first = await conversationOf(server, ["cat", "dan"], "first");
  using dan = await open(server, "dan", { auth: { autojoin: true } });
  using cat = await open(server, "cat");
  await say(cat, first, "one");
  const later = await conversationOf(server, ["cat", "dan"], "later");
  await say(cat, later, "two");
  await dan.ask("leave_conversation", first);
  await say(cat, first, "three");
  await say(cat, later, "four");
  await dan.ask("join_conversation", first);
  await say(cat, first, "five");
  await expect
    .poll(() => dan.all("new_message").map(({ content }) => content))
    .toEqual(["one", "two", "four", "five"]);
});

test("what is left must be a conversation that one is in, where all are heard", async () => {
  using uma = await open(server, "uma", { auth: { autojoin: true } });
  expect(await uma.ask("leave_conversation", 987_654_321)).toMatchObject({
    success: false,
    error: NOT_IN_IT,
  });
});

test("a message counts as delivered when it was told, not when its conversation was not joined", async () => {
  const conversation = await conversationOf(server, ["eva", "fox"], "delivered");
  const statusOf = async () => {
    const { body } = await server.request(`/messages/${conversation}`);
    return body.data.messages.map(({ status }: { status: string }) => status);
  };
  using eva = await open(server, "eva");
  using fox = await open(server, "fox");
  await eva.ask("join_conversation", conversation);
  await say(eva, conversation, "unheard");
  await quiet();
  expect(await statusOf()).toEqual(["sent"]);
  await fox.ask("join_conversation", conversation);
  await say(eva, conversation, "heard");
  const { delivered_seq, read_seq } = await eva.until("message_status");
  expect({ delivered_seq, read_seq }).toEqual({ delivered_seq: 3, read_seq: 0 });
  expect(await statusOf()).toEqual(["delivered", "delivered"]);
  expect(eva.all("messages_read")).toEqual([]);
  await fox.ask("mark_as_read", { conversationId: conversation });
  expect(await eva.until("messages_read")).toEqual({ conversationId: conversation, userId: "fox" });
  expect(await statusOf()).toEqual(["read", "read"]);
});

test("edits and deletions, made where they can be, are told and shown", async () => {
  const conversation = await conversationOf(server, ["gus", "hal"], "edits");
  using hal = await open(server, "hal", { auth: { autojoin: true } });
  const gus = await connectWs(server, { user: "gus" });
  const sent = await gus.ask("message.send", { conversation_id: conversation, content: "frist" });
  const { id } = sent.payload;
  await gus.ask("message.edit", { conversation_id: conversation, message_id: id, content: "first" });
  await gus.ask("reaction.add", { conversation_id: conversation, message_id: id, emoji: "👍" });
  await gus.ask("message.delete", { conversation_id: conversation, message_id: id });
  await expect.poll(() => hal.all("message_updated").length).toBe(2);
  const [{ id: own }] = hal.all("new_message");
  expect(hal.all("message_updated")).toMatchObject([
    { id: own, conversation_id: conversation, content: "first", seq: 2, rev: 3, deleted_at: null },
    { id: own, conversation_id: conversation, content: "", seq: 2, rev: 5, deleted_at: expect.any(String) },
  ]);
  const { body } = await server.request(`/messages/${conversation}`);
  expect(body.data).toMatchObject({ total: 1, messages: [{ id: own, content: "" }] });
  await gus.close();
});

test("message types and media_url are kept, and seen by other dialects", async () => {
  const conversation = await conversationOf(server, ["ida", "jon"], "types");
  using ida = await open(server, "ida");
  const url = "https://example.org/a.png?x=1&y=é";
  const snake = await say(ida, conversation, "a picture", { message_type: "image", media_url: url });
  const camel = await ida.ask("send_message", {
    conversationId: conversation,
    content: "here",
    messageType: "location",
    mediaUrl: "geo:1,2",
  });
  expect(snake).toMatchObject({ message_type: "image", media_url: url });
  expect(camel.data).toMatchObject({ message_type: "location", media_url: "geo:1,2" });
  const { body } = await server.request(`/messages/${conversation}`);
  expect(body.data.messages).toMatchObject([
    { message_type: "image", media_url: url },
    { message_type: "location", media_url: "geo:1,2" },
  ]);
  const other = await server.request(`/api/v1/chat/${conversation}`);
  expect(other.body.messages[1].metadata).toEqual({ media_url: url });
});

test("typing ends by itself, and is told to others who joined alone", async () => {
  const conversation = await conversationOf(server, ["kim", "leo", "may"], "typing");
  using kim = await open(server, "kim");
  using leo = await open(server, "leo");
  using may = await open(server, "may");
  await kim.ask("join_conversation", conversation);
  await leo.ask("join_conversation", conversation);
  await kim.ask("typing_start", { conversation_id: conversation, user_id: "kim", user_name: "Kim" });
  expect(await leo.until("user_typing")).toEqual({
    conversation_id: conversation,
    user_id: "kim",
    user_name: "Kim",
  });
  expect(await leo.until("user_stopped_typing")).toEqual({ conversation_id: conversation, user_id: "kim" });
  expect([kim, may].flatMap(({ told }) => told)).toEqual([]);
});

test("a key makes a retry free, on whichever connection; other content under it is refused", async () => {
  const conversation = await conversationOf(server, ["ned", "ola"], "keys");
  using ned = await open(server, "ned");
  using again = await open(server, "ned");
  const first = await say(ned, conversation, "once", { client_id: "k1" });
  const second = await say(again, conversation, "once", { clientId: "k1" });
  expect(second).toEqual({ ...first, duplicate: true });
  expect(
    await again.ask("send_message", { conversation_id: conversation, content: "x", client_id: "k1" }),
  ).toMatchObject({ success: false, code: "key_reused" });
  expect(await again.until("message_error")).toMatchObject({ code: "key_reused", client_id: "k1" });
  await quiet();
  expect(ned.all("new_message")).toHaveLength(1);
});

describe("refused", () => {
  test("whoever is not in it, and for an unknown conversation alike", async () => {
    const conversation = await conversationOf(server, ["pat", "quin"], "foreign");
    using eve = await open(server, "eve");
    for (const id of [conversation, "conv_abc123", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", 987_654_321]) {
      for (const event of ["join_conversation", "send_message", "typing_start", "mark_as_read"]) {
        expect(await eve.ask(event, { conversation_id: id, content: "x" }), `${event} ${id}`).toEqual({
          success: false,
          error: NOT_IN_IT,
          code: "not_participant",
        });
      }
    }
    expect(eve.all("message_error")).toHaveLength(4);
    expect(eve.all("error")).toHaveLength(12);
    using pat = await open(server, "pat");
    await say(pat, conversation, "secret");
    await quiet();
    expect(eve.all("new_message")).toEqual([]);
  });

  test("whoever speaks for another", async () => {
    const conversation = await conversationOf(server, ["rae", "sam"], "spoof");
    using rae = await open(server, "rae");
    for (const [event, field] of [
      ["send_message", "sender_id"],
      ["join_conversation", "user_id"],
      ["leave_conversation", "user_id"],
      ["typing_start", "user_id"],
      ["mark_as_read", "userId"],
    ] as const) {
      const answer = await rae.ask(event, { conversation_id: conversation, content: "x", [field]: "sam" });
      expect(answer, event).toMatchObject({ success: false, code: "forbidden" });
    }
    const { body } = await server.request(`/messages/${conversation}`);
    expect(body.data.total).toBe(0);
  });
});

import { afterAll, beforeAll, expect, test } from "vitest";
import { connectOtherNode, type OtherNode } from "../support/other-node.ts";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { connect } from "../support/socket.ts";
import { conversationOf, type LiveTestClient, openLive, type Told } from "./support/live-client.ts";

/** Going on from a position: each subscription by itself, exactly. */

let scene: Scene;
let server: ServerProcess;
let other: OtherNode;
beforeAll(async () => {
  scene = await openScene("stomp_resume");
  server = await scene.start({ SWEEP_SECONDS: "1" });
  other = await connectOtherNode(scene.database);
});
afterAll(async () => {
  await other.close();
  await scene.close();
});

const TOPICS = ["messages", "updates", "reactions"] as const;

/** What a client knows, folded from what it was told. */
class State {
  readonly messages = new Map<number, { content: string | null; reactions: object }>();
  readonly names = new Map<number, string | null>();

  apply({ destination, body }: Told): void {
    if (destination.endsWith("/reactions")) {
      const known = this.messages.get(body.messageId);
      if (known !== undefined) known.reactions = body.summary;
    } else if (destination.endsWith("/updates")) {
      if (body.message === undefined) this.names.set(body.conversationId, body.conversation.name);
      else this.#set(body.message);
    } else this.#set(body);
  }

  #set(message: { id: number; content: string | null; reactionSummary: object }): void {
    this.messages.set(message.id, { content: message.content, reactions: message.reactionSummary });
  }

  static of(told: readonly Told[]): State {
    const state = new State();
    for (const one of told) state.apply(one);
    return state;
  }
}

const subscribed = async (client: LiveTestClient, since: Readonly<Record<string, string>> = {}) => {
  for (const topic of TOPICS)
    await client.subscribe(topic, since[topic] === undefined ? {} : { since: since[topic] });
};

test("from any cut each subscription goes on with exactly what it missed", async () => {
  const [a, b] = [
    await conversationOf(server, ["me", "ann"]),
    await conversationOf(server, ["ann", "me", "bob"], "Trio"),
  ];
  using me = await openLive(server, "me");
  using ann = await openLive(server, "ann");
  const socket = await connect(server, { user: "ann" });
  await subscribed(me);
  await ann.subscribe("acks");
  const start = me.connected.get("position") as string;

  const say = async (conversationId: number, content: string): Promise<number> => {
    await ann.ask("send", { conversationId, content, tempId: content });
    return (await ann.until("acks", ({ body }) => body.tempId === content)).body.messageId;
  };
  const change = (event: string, conversation_id: number, message_id: number, more = {}) =>
    socket.ask(event, { conversation_id, message_id, ...more });
  const react = (conversationId: number, messageId: number, add: boolean) =>
    ann.ask("reaction", { conversationId, messageId, emoji: "👍", add });

  const first = await say(a, "a1");
  const second = await say(b, "b1");
  await change("message.edit", a, first, { content: "a1 better" });
  await react(b, second, true);
  const third = await say(a, "a2");
  await react(a, third, true);
  await other.change({ kind: "settings", conversationId: b, name: "Renamed" });
  await say(b, "b2");
  await change("message.delete", b, second);
  await react(a, third, false);
  await change("message.edit", a, third, { content: "a2 better" });
  const last = await say(b, "last");
  await me.until("messages", ({ body }) => body.id === last);
  await me.until("updates", ({ body }) => body.message?.id === third);
  const all = me.told();
  const final = State.of(all);
  expect(final.messages.size).toBe(5);
  await socket.close();

  for (let cut = 0; cut <= all.length; cut++) {
    const before = all.slice(0, cut);
    const since = Object.fromEntries(
      TOPICS.map((topic) => [
        topic,
        before.findLast(({ subscription, position }) => subscription === topic && position !== undefined)
          ?.position ?? start,
      ]),
    );
    using back = await openLive(server, "me");
    await subscribed(back, since);
    const told = back.told();
    const messages = told
      .filter(({ subscription }) => subscription === "messages")
      .map(({ body }) => body.id);
    const had = new Set(
      before.filter(({ subscription }) => subscription === "messages").map(({ body }) => body.id as number),
    );
    expect(messages).toHaveLength(5 - had.size);
    expect(new Set([...had, ...messages])).toEqual(new Set(final.messages.keys()));
    // What a subscription is told of a message that another has yet to tell counts once that has told it.
    const order = [...TOPICS].flatMap((topic) => told.filter(({ subscription }) => subscription === topic));
    const state = State.of([...before, ...order]);
    expect(state.messages, `cut at ${cut}`).toEqual(final.messages);
    expect(state.names.get(b)).toBe("Renamed");
    // And live from there on.
    expect(back.raw.frames.some(({ command }) => command === "ERROR")).toBe(false);
  }
});

test("while others write, a subscription that catches up beside live ones loses and repeats nothing", async () => {
  const conversation = await conversationOf(server, ["writer", "reader"]);
  using writer = await openLive(server, "writer");
  using reader = await openLive(server, "reader");
  const start = reader.connected.get("position") as string;
  await reader.subscribe("messages", { id: "all" });
  const COUNT = 400;
  const writing = (async () => {
    for (let i = 0; i < COUNT; i++) {
      writer.send("send", { conversationId: conversation, content: `n${i}` });
      if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  const ids: string[] = [];
  for (let i = 0; i < 8; i++) {
    await new Promise((resolve) => setTimeout(resolve, 15));
    ids.push(`late${i}`);
    await reader.subscribe("messages", { id: `late${i}`, since: start });
  }
  await writing;
  const isLast = ({ body }: Told): boolean => body.content === `n${COUNT - 1}`;
  for (const id of ["all", ...ids]) await reader.until(id, isLast);
  const texts = (id: string) => reader.told(id).map(({ body }) => body.content);
  const expected = Array.from({ length: COUNT }, (_, i) => `n${i}`);
  for (const id of ["all", ...ids]) expect(texts(id), id).toEqual(expected);
  // From any position of any of them.
  for (const id of ["all", "late3"]) {
    const at = reader.told(id)[Math.floor(COUNT / 3)] as Told;
    using back = await openLive(server, "reader");
    await back.subscribe("messages", { since: at.position as string });
    expect(back.told("messages").map(({ body }) => body.content)).toEqual(
      expected.slice(Math.floor(COUNT / 3) + 1),
    );
  }
});

test("what cannot be gone on from is answered with a reset and the position to go on from", async () => {
  await conversationOf(server, ["rex", "sue"]);
  using rex = await openLive(server, "rex");
  const position = rex.connected.get("position") as string;
  const [epoch, , at, names] = position.split(".") as [string, string, string, string];
  const foreign = `${epoch === "00000000" ? "11111111" : "00000000"}${position.slice(8)}`;
  const future = [epoch, "zzzzzzz", at, names].join(".");
  for (const [id, since, reason] of [
    ["one", foreign, "epoch_changed"],
    ["two", future, "ahead_of_log"],
  ] as const) {
    await rex.subscribe("messages", { id, since });
    const [told] = rex.told(id);
    expect(told?.body).toEqual({ type: "reset", reason });
    expect(told?.position?.startsWith(epoch)).toBe(true);
  }
  // Of the moment: nothing is told again, and nothing is wrong with asking.
  await rex.subscribe("typing", { since: position });
  expect(rex.told("typing")).toEqual([]);
});

test("receipts of the meantime are told again, and what is one's own of each conversation", async () => {
  const conversation = await conversationOf(server, ["vic", "wes"]);
  using vic = await openLive(server, "vic");
  await vic.subscribe("messages");
  const since = vic.connected.get("position") as string;
  vic.drop();
  using wes = await openLive(server, "wes");
  await wes.subscribe("messages");
  await wes.ask("send", { conversationId: conversation, content: "hi" });
  const { id } = (await wes.until("messages")).body;
  await wes.ask("markRead", { conversationId: conversation, lastReadMessageId: id });
  using back = await openLive(server, "vic");
  await back.subscribe("receipts", { since });
  expect(back.told("receipts").map(({ body }) => body)).toContainEqual(
    expect.objectContaining({ conversationId: conversation, userId: "wes", lastReadMessageId: id }),
  );
  await back.subscribe("updates", { since });
  expect(back.told("updates").map(({ body }) => body)).toContainEqual(
    expect.objectContaining({
      type: "conversation.updated",
      conversationId: conversation,
      conversation: expect.objectContaining({ unreadCount: 1, muted: false }),
    }),
  );
});

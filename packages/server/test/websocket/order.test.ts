import { afterAll, beforeAll, expect, test } from "vitest";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { connect, openConversation, say, type TestClient } from "../support/socket.ts";

let scene: Scene;
let server: ServerProcess;

beforeAll(async () => {
  scene = await openScene("ws_order");
  server = await scene.start();
});
afterAll(() => scene.close());

async function historyOf(conversation: string): Promise<{ id: string; seq: number; content: string }[]> {
  const messages: { id: string; seq: number; content: string }[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const page: { body: { messages: typeof messages; next_cursor: string | null } } = await server.request(
      `/api/v1/chat/${conversation}?limit=100${cursor === "" ? "" : `&cursor=${cursor}`}`,
    );
    messages.push(...page.body.messages);
    cursor = page.body.next_cursor;
  }
  return messages.toReversed();
}

test("50 senders at once: one order without gaps for every listener, in acks and in history", async () => {
  const names = Array.from({ length: 50 }, (_, i) => `many-${i}`);
  const senders = (await Promise.all(names.map((user) => connect(server, { user })))) as TestClient[];
  const conversation = await openConversation(senders[0] as TestClient, names, "Many");
  const listener = await connect(server, { user: "many-0" });
  const acks = await Promise.all(
    senders.flatMap((sender, s) =>
      Array.from({ length: 8 }, (_, i) => say(sender, conversation, `${s}:${i}`)),
    ),
  );
  const total = acks.length;
  const messages = await historyOf(conversation);
  const order = messages.map((message) => message.id);
  expect(messages.map((message) => message.seq)).toEqual(Array.from({ length: total }, (_, i) => i + 2));
  expect(acks.toSorted((a, b) => a.seq - b.seq).map((ack) => ack.id)).toEqual(order);
  await listener.until(() => listener.all("message.receive").length === total, "all messages");
  expect(listener.all("message.receive").map((message) => message.id)).toEqual(order);
  for (const [s, sender] of senders.entries()) {
    await sender.until(() => sender.all("message.receive").length === total - 8, "the others' messages");
    const others = messages.filter((message) => !message.content.startsWith(`${s}:`));
    expect(sender.all("message.receive").map((message) => message.id)).toEqual(others.map((one) => one.id));
    const own = messages.filter((message) => message.content.startsWith(`${s}:`));
    expect(own.map((message) => message.content)).toEqual(Array.from({ length: 8 }, (_, i) => `${s}:${i}`));
  }
});

test("500 frames without waiting: stored in the order sent, from the first, on a server that knows nothing yet", async () => {
  const before = await connect(server, { user: "pipe" });
  const conversation = await openConversation(before, ["pipe", "end"]);
  await server.stop();
  server = await scene.start();
  const end = await connect(server, { user: "end" });
  const pipe = await connect(server, { user: "pipe", early: true });
  const contents = Array.from({ length: 500 }, (_, i) => `p${i}`);
  // Replies wait for the messages they answer, which are still on their way; others do not wait: none may overtake.
  for (const [i, content] of contents.entries()) {
    pipe.send(
      "message.send",
      {
        conversation_id: conversation,
        message_id: `k${i}`,
        content,
        ...(i % 7 === 3 && { parent_id: `k${i - 1}` }),
      },
      i,
    );
  }
  await pipe.until(() => pipe.all("message.ack").length === 500, "all acks");
  expect(pipe.all("error")).toEqual([]);
  expect(pipe.frames.filter((frame) => frame.event === "message.ack").map((frame) => frame.id)).toEqual(
    contents.map((_, i) => i),
  );
  expect((await historyOf(conversation)).map((message) => message.content)).toEqual(contents);
  await end.until(() => end.all("message.receive").length === 500, "all messages");
  expect(end.all("message.receive").map((message) => message.content)).toEqual(contents);
});

test("a message edited, reacted to and deleted in the same breath as it is sent", async () => {
  const ann = await connect(server, { user: "breath" });
  const conversation = await openConversation(ann, ["breath"]);
  const name = { conversation_id: conversation, message_id: "b" };
  ann.send("message.send", { ...name, content: "one" });
  ann.send("message.edit", { ...name, content: "two" });
  ann.send("reaction.add", { ...name, emoji: "👍" });
  await ann.ask("message.delete", { ...name });
  expect(ann.all("error")).toEqual([]);
  expect(ann.all("ok")).toEqual([{ seq: 3 }, { seq: 4 }, { seq: 5 }]);
});

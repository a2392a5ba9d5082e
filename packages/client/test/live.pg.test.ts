import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openScene, type Scene, type ServerProcess } from "../../server/test/support/server.ts";
import { messageStatus } from "../src/show.ts";
import { live, nextEvent, pair, person, stopClients, when } from "./support/people.ts";

let scene: Scene;
let server: ServerProcess;
beforeAll(async () => {
  scene = await openScene("client");
  server = await scene.start();
});
afterAll(() => scene.close());
afterEach(stopClients);

describe("messages", () => {
  test("one is shown at once, is stored, and the other sees it; then it is delivered and read", async () => {
    const { alice, bob, id } = await pair(server, "plain");
    const told = nextEvent(bob, "message");
    const stored = alice.messages.send(id, "Hello, Bob");
    await when(alice, `timeline:${id}`, ({ messages }) => messages.length === 1);
    expect(alice.get(`timeline:${id}`).messages[0]).toMatchObject({ content: "Hello, Bob" });
    const message = await stored;
    expect(message).toMatchObject({ state: "stored", senderId: "plain-a", conversationId: id });
    expect(alice.get(`timeline:${id}`).messages).toEqual([message]);
    expect(await told).toMatchObject({
      message: { id: message.id, key: message.id },
      isOwn: false,
      isLive: true,
    });
    const seen = await when(bob, `timeline:${id}`, ({ messages }) => messages.length === 1);
    expect(seen.messages[0]).toMatchObject({ id: message.id, key: message.id, content: "Hello, Bob" });

    expect(bob.get(`conversation:${id}`)).toMatchObject({ unread: 1, lastMessage: { id: message.id } });
    expect(bob.get("inbox")).toMatchObject({ ids: [id], unread: 1 });
    bob.conversations.markRead(id);
    expect(bob.get("inbox")).toMatchObject({ unread: 0 });
    const read = await when(
      alice,
      `conversation:${id}`,
      (conversation) => messageStatus(message, conversation) === "read",
    );
    expect(read?.marks["plain-b"]).toMatchObject({ readSeq: message.seq });
  });

  test("one under a key that another's message has is another, in lists too", async () => {
    const { alice, bob, id } = await pair(server, "same-key");
    const key = "chosen by whoever sends it";
    const first = await alice.messages.send(id, { content: "alice's", key });
    const second = await bob.messages.send(id, { content: "bob's", key });
    const both = await when(alice, `timeline:${id}`, ({ messages }) => messages.length === 2);
    expect(both.messages.map((message) => [message.key, message.content])).toEqual([
      [key, "alice's"],
      [second.id, "bob's"],
    ]);
    const late = person(server, "same-key-b");
    await live(late);
    await late.history.open(id);
    expect(late.get(`timeline:${id}`).messages.map((message) => message.key)).toEqual([first.id, key]);
  });

  test("pages of history are put before what is there, and a jump leads anywhere", async () => {
    const { alice, bob, id } = await pair(server, "pages");
    for (let i = 0; i < 130; i++) await alice.messages.send(id, `${i}`);
    const late = person(server, "pages-b");
    await live(late);
    await late.history.open(id);
    const contents = () => late.get(`timeline:${id}`).messages.map(({ content }) => Number(content));
    expect(contents()).toEqual(Array.from({ length: 50 }, (_, i) => 80 + i));
    await late.history.loadOlder(id);
    await late.history.loadOlder(id);
    expect(contents()).toEqual(Array.from({ length: 130 }, (_, i) => i));
    expect(late.get(`timeline:${id}`)).toMatchObject({ hasOlder: false, hasNewer: false, loading: null });

    const first = late.get(`timeline:${id}`).messages[0];
    const other = person(server, "pages-b");
    await live(other);
    await other.history.jump(id, first?.id ?? "");
    expect(other.get(`timeline:${id}`)).toMatchObject({ hasOlder: false, hasNewer: true });
    await alice.messages.send(id, "130");
    await when(bob, `timeline:${id}`, ({ messages }) => messages.at(-1)?.content === "130");
    expect(other.get(`timeline:${id}`).messages.at(-1)?.content).not.toBe("130");
    while (other.get(`timeline:${id}`).hasNewer) await other.history.loadNewer(id);
    expect(other.get(`timeline:${id}`).messages.map(({ content }) => Number(content))).toEqual(
      Array.from({ length: 131 }, (_, i) => i),
    );
  });

  test("edits, deletes, reactions, pins and replies show everywhere", async () => {
    const { alice, bob, id } = await pair(server, "change");
    const message = await alice.messages.send(id, "teh");
    await when(bob, `timeline:${id}`, ({ messages }) => messages.length === 1);
    const inBob = () => bob.get(`timeline:${id}`).messages[0];

    await alice.messages.edit(message, "the");
    await when(bob, `timeline:${id}`, ({ messages }) => messages[0]?.content === "the");
    await bob.messages.react(message, "👍");
    expect(inBob()).toMatchObject({ reactions: { "👍": 1 }, ownReactions: ["👍"] });
    await when(alice, `timeline:${id}`, ({ messages }) => messages[0]?.reactions["👍"] === 1);
    expect(alice.get(`timeline:${id}`).messages[0]?.ownReactions).toEqual([]);
    await bob.messages.react(message, "👍");
    await when(
      alice,
      `timeline:${id}`,
      ({ messages }) => Object.keys(messages[0]?.reactions ?? {}).length === 0,
    );
    await alice.messages.pin(message);
    await when(bob, `timeline:${id}`, ({ messages }) => messages[0]?.pinnedAt !== null);

    await bob.history.openThread(id, message.id);
    await alice.messages.send(id, { content: "a reply", replyTo: message });
    const thread = await when(bob, `thread:${message.id}`, ({ messages }) => messages.length === 1);
    expect(thread).toMatchObject({ root: { id: message.id, replyCount: 1 } });
    expect(thread.messages[0]).toMatchObject({ content: "a reply", parent: { content: "the" } });
    expect(inBob()).toMatchObject({ replyCount: 1 });

    await alice.messages.remove(message);
    await when(bob, `timeline:${id}`, ({ messages }) => messages[0]?.deletedAt !== null);
    expect(inBob()).toMatchObject({ content: "", reactions: {} });
  });
});

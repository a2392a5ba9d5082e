import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openScene, type Scene, type ServerProcess } from "../../server/test/support/server.ts";
import { otherOf, readersOf, titleOf } from "../src/show.ts";
import { live, nextEvent, pair, person, stopClients, when } from "./support/people.ts";

let scene: Scene;
let server: ServerProcess;
beforeAll(async () => {
  scene = await openScene("client_people");
  server = await scene.start();
});
afterAll(() => scene.close());
afterEach(stopClients);

/** A group of ann, its owner, and the others, all live. */
async function group(name: string, others: readonly string[]) {
  const ann = person(server, `${name}-ann`, { name: "Ann" });
  const clients = others.map((other) => person(server, `${name}-${other}`, { name: other }));
  await Promise.all([ann, ...clients].map(live));
  const { id } = await ann.conversations.createGroup(
    others.map((other) => `${name}-${other}`),
    { name },
  );
  await Promise.all(clients.map((client) => when(client, `conversation:${id}`, (one) => one !== null)));
  return { ann, clients, id };
}

describe("groups", () => {
  test("people come, get roles and go; names and settings change; each sees it", async () => {
    const { ann, clients, id } = await group("roles", ["bob", "cat"]);
    const [bob, cat] = clients;
    if (bob === undefined || cat === undefined) throw new Error("nobody");
    const inCat = (isWanted: (one: NonNullable<ReturnType<typeof conversation>>) => boolean) =>
      when(cat, `conversation:${id}`, (one) => one !== null && isWanted(one));
    const conversation = () => cat.get(`conversation:${id}`);

    await expect(bob.conversations.update(id, { name: "mine" })).rejects.toMatchObject({ code: "forbidden" });
    await ann.conversations.setRole(id, "roles-bob", "admin");
    await when(bob, `conversation:${id}`, (one) => one?.ownRole === "admin");
    await bob.conversations.update(id, { name: "ours", allowReplies: false, description: "all of us" });
    await inCat(({ name, settings }) => name === "ours" && !settings.allowReplies);
    expect(conversation()).toMatchObject({ description: "all of us" });
    expect(titleOf(conversation() as never, "roles-cat")).toBe("ours");

    const dan = person(server, "roles-dan", { name: "Dan" });
    await live(dan);
    await bob.conversations.addParticipants(id, ["roles-dan"]);
    await when(dan, `conversation:${id}`, (one) => one?.participantCount === 4);
    await inCat(({ participants }) => participants.some(({ name }) => name === "Dan"));
    expect(
      (await cat.conversations.participants(id)).items.map(({ userId, role }) => [userId, role]),
    ).toEqual([
      ["roles-ann", "owner"],
      ["roles-bob", "admin"],
      ["roles-cat", "member"],
      ["roles-dan", "member"],
    ]);

    const removed = nextEvent(dan, "conversation.removed");
    await ann.conversations.removeParticipant(id, "roles-dan");
    expect(await removed).toEqual({ conversationId: id });
    expect(dan.get("inbox").ids).toEqual([]);
    await cat.conversations.leave(id);
    expect(conversation()).toBeNull();
    await when(ann, `conversation:${id}`, (one) => one?.participantCount === 2);
    await ann.conversations.remove(id);
    await when(bob, "inbox", ({ ids }) => ids.length === 0);
  });

  test("what happens to a group stands in its history, and moves nothing in the list", async () => {
    const { ann, clients, id } = await group("system", ["bob"]);
    const bob = clients[0] as typeof ann;
    const { id: other } = await ann.conversations.createGroup(["system-bob"], { name: "other" });
    await ann.messages.send(other, "here");
    await when(bob, "inbox", ({ ids }) => ids[0] === other);
    await bob.history.open(id);
    await ann.conversations.update(id, { name: "another name" });
    const { messages } = await when(
      bob,
      `timeline:${id}`,
      (timeline) => timeline.messages.at(-1)?.type === "system",
    );
    expect(messages.at(-1)).toMatchObject({ senderId: "", metadata: { event: "conversation.renamed" } });
    expect(bob.get("inbox").ids).toEqual([other, id]);
    expect(bob.get(`conversation:${id}`)).toMatchObject({
      unread: 0,
      lastMessage: null,
      name: "another name",
    });
    await bob.conversations.load(id);
    expect(bob.get("inbox").ids).toEqual([other, id]);
  });

  test("who read what is known of each", async () => {
    const { ann, clients, id } = await group("readers", ["bob", "cat"]);
    const message = await ann.messages.send(id, "read this");
    const bob = clients[0] as typeof ann;
    await when(bob, `conversation:${id}`, (one) => one?.unread === 1);
    bob.conversations.markRead(id);
    const conversation = await when(ann, `conversation:${id}`, (one) => {
      return one !== null && readersOf(message, one).length === 1;
    });
    expect(readersOf(message, conversation as never).map(({ userId }) => userId)).toEqual(["readers-bob"]);
    expect((await ann.messages.readers(message)).items).toMatchObject([{ userId: "readers-bob" }]);
    // Who looks at it anew knows as much.
    const again = person(server, "readers-ann");
    await when(again, "inbox", ({ status }) => status === "ready");
    const { marks } = again.get(`conversation:${id}`) as NonNullable<typeof conversation>;
    expect(marks["readers-bob"]?.readSeq).toBe(message.seq);
    expect(marks["readers-cat"]?.readSeq).toBeLessThan(message.seq);
  });
});

describe("one's own list", () => {
  test("mute, pin, archive, level and unread, on every device", async () => {
    const { alice, bob, id } = await pair(server, "list");
    const phone = person(server, "list-b");
    await when(phone, "inbox", ({ status }) => status === "ready");
    const message = await alice.messages.send(id, "one");
    await when(phone, "inbox", ({ unread }) => unread === 1);

    await bob.conversations.mute(id);
    await when(phone, "inbox", ({ unread }) => unread === 0);
    expect(phone.get(`conversation:${id}`)).toMatchObject({ muted: true, unread: 1 });
    await bob.conversations.setLevel(id, "mentions");
    await bob.conversations.pin(id);
    await when(phone, `conversation:${id}`, (one) => one?.pinned === true && one.level === "mentions");
    await bob.conversations.archive(id);
    await when(phone, "inbox", ({ ids, archivedIds }) => ids.length === 0 && archivedIds[0] === id);
    await alice.messages.send(id, "two");
    await when(phone, "inbox", ({ ids }) => ids[0] === id);

    bob.conversations.markRead(id);
    await when(phone, `conversation:${id}`, (one) => one?.unread === 0);
    await bob.conversations.markUnread(id, message.id);
    await when(phone, `conversation:${id}`, (one) => one?.unread === 2);
  });

  test("pages of the inbox, in the order of what was said last", async () => {
    const ann = person(server, "inbox-ann");
    await live(ann);
    const ids: string[] = [];
    for (let i = 0; i < 55; i++) {
      const { id } = await ann.conversations.createGroup([], { name: `group ${i}` });
      await ann.messages.send(id, "here");
      ids.unshift(id);
    }
    const again = person(server, "inbox-ann");
    const first = await when(again, "inbox", ({ status }) => status === "ready");
    expect(first).toMatchObject({ ids: ids.slice(0, 50), hasMore: true });
    await again.conversations.loadMore();
    expect(again.get("inbox")).toMatchObject({ ids, hasMore: false });
    expect((await again.conversations.find("group 7")).items).toMatchObject([{ name: "group 7" }]);
    const last = ids.at(-1) as string;
    await ann.messages.send(last, "up");
    await when(again, "inbox", (inbox) => inbox.ids[0] === last);
  });
});

describe("people", () => {
  test("presence, typing, names and blocks", async () => {
    const { alice, bob, id } = await pair(server, "signs");
    await when(alice, "presence:signs-b", ({ status }) => status === "online");
    await bob.people.setStatus("dnd");
    await when(alice, "presence:signs-b", ({ status }) => status === "dnd");
    expect(bob.get("me")).toMatchObject({ userId: "signs-b", status: "dnd" });
    expect(await alice.people.presence(["signs-b", "signs-nobody"])).toMatchObject([
      { status: "dnd" },
      { status: "offline" },
    ]);

    bob.conversations.typing(id);
    await when(alice, `typing:${id}`, (users) => users[0]?.userId === "signs-b");
    bob.conversations.typing(id, false);
    await when(alice, `typing:${id}`, (users) => users.length === 0);

    await bob.people.updateMe({ name: "Robert", avatarUrl: "https://example.com/b.png" });
    expect(bob.get("me")).toMatchObject({ name: "Robert", avatarUrl: "https://example.com/b.png" });
    expect((await alice.people.find("robe")).items).toMatchObject([{ userId: "signs-b", name: "Robert" }]);
    const conversation = await alice.conversations.load(id);
    expect(titleOf(conversation, "signs-a")).toBe("Robert");
    expect(otherOf(conversation, "signs-a")).toMatchObject({ avatarUrl: "https://example.com/b.png" });

    await alice.people.block("signs-b");
    expect(alice.get(`conversation:${id}`)).toMatchObject({ blocked: true });
    expect(await alice.people.blocked()).toMatchObject([{ userId: "signs-b" }]);
    const failed = nextEvent(bob, "message.failed");
    void bob.messages.send(id, "are you there?");
    expect((await failed).error.code).toBe("forbidden");
    await alice.people.block("signs-b", false);
    expect(alice.get(`conversation:${id}`)).toMatchObject({ blocked: false });

    bob.stop();
    const { lastSeenAt } = await when(alice, "presence:signs-b", ({ status }) => status === "offline");
    expect(lastSeenAt).not.toBeNull();
  });
});

describe("files and search", () => {
  test("a file goes up with its progress, is sent, seen and had", async () => {
    const { alice, bob, id } = await pair(server, "files");
    const bytes = new TextEncoder().encode("a,b\n1,2\n".repeat(50_000));
    const progress: number[] = [];
    const file = await alice.files.upload(new Blob([bytes], { type: "text/csv" }), {
      name: "Zahlen für Bob.csv",
      onProgress: (loaded) => progress.push(loaded),
    });
    expect(file).toMatchObject({
      fileName: "Zahlen für Bob.csv",
      contentType: "text/csv",
      size: bytes.length,
    });
    expect(progress.at(-1)).toBe(bytes.length);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    const message = await alice.messages.send(id, { attachments: [file] });
    expect(message).toMatchObject({ type: "file", attachments: [file] });
    const { messages } = await when(bob, `timeline:${id}`, (timeline) => timeline.messages.length === 1);
    const [attachment] = messages[0]?.attachments ?? [];
    if (attachment === undefined) throw new Error("no attachment");
    expect(await (await bob.files.download(attachment)).text()).toBe(new TextDecoder().decode(bytes));
    const link = await bob.files.link(attachment);
    expect(link).not.toContain("token");
    expect(bob.files.url(attachment)).toBe(link);
    expect(await (await fetch(link)).text()).toBe(new TextDecoder().decode(bytes));
    expect((await fetch(link.replace(/.$/, "~"))).status).toBe(403);
    expect((await alice.messages.withFiles(id)).items.map((one) => one.id)).toEqual([message.id]);
    const failed = nextEvent(alice, "message.failed");
    void alice.messages.send(id, { attachments: [file] });
    expect((await failed).error.message).toMatch(/file|attachment/i);
  });

  test("a file of a kind that is not taken is refused, and one that is given up is gone", async () => {
    const { alice } = await pair(server, "bad-files");
    const huge = new Blob([new Uint8Array(26 * 1024 * 1024)]);
    await expect(alice.files.upload(huge)).rejects.toMatchObject({ code: "too_large" });
    const giveUp = new AbortController();
    const upload = alice.files.upload(new Blob([new Uint8Array(8 * 1024 * 1024)]), {
      signal: giveUp.signal,
    });
    setTimeout(() => giveUp.abort(), 5);
    await expect(upload).rejects.toMatchObject({ code: "aborted" });
  });

  test("what was said is found, in one conversation and in all", async () => {
    const { alice, bob, id } = await pair(server, "search");
    const message = await alice.messages.send(id, "The quick brown fox");
    await alice.messages.send(id, "jumps");
    await expect.poll(async () => (await bob.messages.search("quick fox")).items.length).toBe(1);
    const { items } = await bob.messages.search("fox", { conversationId: id });
    expect(items).toMatchObject([{ id: message.id, content: "The quick brown fox" }]);
    await expect(bob.messages.search("fox", { conversationId: "conv_1c" })).rejects.toMatchObject({
      code: "not_participant",
    });
    await alice.messages.edit(message, "The slow brown fox");
    expect((await bob.messages.edits(message)).items).toMatchObject([{ content: "The quick brown fox" }]);
    await bob.messages.react(message, ":heart:");
    const { items: reactions } = await alice.messages.reactions(message);
    expect(reactions).toMatchObject([{ userId: "search-b", emoji: "❤️" }]);
    await alice.messages.pin(message);
    expect(await bob.messages.pins(id)).toMatchObject([{ id: message.id, ownReactions: ["❤️"] }]);
  });
});

import { readId } from "@parlance/protocol/ids.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectOtherNode, type OtherNode } from "../support/other-node.ts";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { connect, openConversation, type Received, say, type TestClient } from "../support/socket.ts";

const SWEEP_SECONDS = 1;

let scene: Scene;
let one: ServerProcess;
let two: ServerProcess;
let other: OtherNode;

/** Two servers that have nothing in common but the database. */
beforeAll(async () => {
  scene = await openScene("two_servers");
  [one, two] = await Promise.all([
    scene.start({ SWEEP_SECONDS: String(SWEEP_SECONDS) }),
    scene.start({ SWEEP_SECONDS: String(SWEEP_SECONDS) }),
  ]);
  other = await connectOtherNode(scene.database);
});
afterAll(async () => {
  await other.close();
  await scene.close();
});

const told = (client: TestClient, conversation: string): number[] =>
  client
    .all("message.receive")
    .filter((one) => one.conversation_id === conversation)
    .map((one) => one.seq);
const says = (content: string) => (frame: Received) => frame.payload.content === content;
const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);

test("messages sent on one are heard on the other within a sweep, in order, with senders on both", async () => {
  const ann = await connect(one, { user: "ann" });
  const bob = await connect(two, { user: "bob" });
  const conversation = await openConversation(ann, ["bob"]);
  await bob.until((frame) => frame.payload.conversation_id === conversation, "the conversation");
  const start = performance.now();
  await say(ann, conversation, "first");
  await bob.until(says("first"), "first");
  expect(performance.now() - start).toBeLessThan((SWEEP_SECONDS + 1) * 1000);
  for (let i = 0; i < 40; i++) {
    await Promise.all([
      say(ann, conversation, `a${i}`),
      say(bob, conversation, `b${i}`),
      say(bob, conversation, `c${i}`),
    ]);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const [annAgain, bobAgain] = [await connect(one, { user: "ann" }), await connect(two, { user: "bob" })];
  await Promise.all([annAgain.ask("ping"), bobAgain.ask("ping")]);
  await say(ann, conversation, "last");
  await Promise.all([annAgain, bobAgain, bob].map((client) => client.until(says("last"), "last")));
  const theirs = told(bob, conversation);
  expect(theirs).toEqual(theirs.toSorted((a, b) => a - b));
  expect(new Set(theirs).size).toBe(theirs.length);
  const acked = bob.all("message.ack").map((ack) => ack.seq);
  // What fills a hole comes from the store, which does not know which socket had sent it: a sender may hear itself.
  expect([...new Set([...theirs, ...acked])].toSorted((a, b) => a - b)).toEqual(range(2, 122));
  const history = await two.request(`/api/v1/chat/${conversation}?limit=100`);
  expect(history.body.messages[0].content).toBe("last");
  await Promise.all([ann, bob, annAgain, bobAgain].map((client) => client.close()));
});

test("edits, reactions and deletes on one reach the other", async () => {
  const ann = await connect(one, { user: "ed-ann" });
  const bob = await connect(two, { user: "ed-bob" });
  const conversation = await openConversation(ann, ["ed-bob"]);
  await say(ann, conversation, "before", { message_id: "m" });
  await bob.until(says("before"), "message");
  const name = { conversation_id: conversation, message_id: "m" };
  await ann.ask("message.edit", { ...name, content: "after" });
  await ann.ask("reaction.add", { ...name, emoji: "👍" });
  const updated = await bob.until(
    (frame) => frame.event === "message.updated" && frame.payload.reactions["👍"] === 1,
    "the latest state",
  );
  expect(updated.payload).toMatchObject({ content: "after", rev: 4 });
  await ann.ask("message.delete", name);
  const gone = await bob.until((frame) => frame.payload.deleted_at > 0, "the tombstone");
  expect(gone.payload.content).toBe("");
  await Promise.all([ann, bob].map((client) => client.close()));
});

test("one race on one key over both: one message, one seq", async () => {
  const ann = await connect(one, { user: "race" });
  const again = await connect(two, { user: "race" });
  const conversation = await openConversation(ann, ["race-2"]);
  const acks = await Promise.all(
    range(0, 60).map((i) =>
      say(i % 2 ? ann : again, conversation, "same", { message_id: `k${Math.floor(i / 6)}` }),
    ),
  );
  expect(new Set(acks.map((ack) => `${ack.message_id} ${ack.id} ${ack.seq}`)).size).toBe(10);
  expect(acks.filter((ack) => !ack.duplicate)).toHaveLength(10);
  const { body } = await two.request(`/api/v1/chat/${conversation}`);
  expect(body.messages).toHaveLength(10);
  await Promise.all([ann, again].map((client) => client.close()));
});

test("let in on one, heard on the other; let out on one, no more heard on the other, and nothing past it", async () => {
  const ann = await connect(one, { user: "in-ann" });
  const cid = await connect(two, { user: "in-cid" });
  const group = await openConversation(ann, ["in-bob"], "In and out");
  const conversationId = readId("conversation", group) as number;
  await other.change({ kind: "add", conversationId, userIds: ["in-cid"], maxParticipants: 10 });
  await say(ann, group, "welcome");
  const joined = await cid.until((frame) => frame.payload.added?.includes("in-cid"), "joining");
  expect(joined.payload.conversation_id).toBe(group);
  await cid.until(says("welcome"), "welcome");

  await say(ann, group, "just before");
  await other.change({ kind: "remove", conversationId, userId: "in-cid" });
  const canary = "not for those who left";
  await say(ann, group, canary);
  await cid.until((frame) => frame.payload.removed?.includes("in-cid"), "removal");
  expect(cid.all("message.receive").map((message) => message.content)).toContain("just before");
  await new Promise((resolve) => setTimeout(resolve, (SWEEP_SECONDS + 0.5) * 1000));
  await say(ann, group, canary);
  await new Promise((resolve) => setTimeout(resolve, (SWEEP_SECONDS + 0.5) * 1000));
  const back = await connect(one, { user: "in-cid" });
  await back.ask("resume", { position: cid.position() });
  await back.ask("resume", { positions: { [group]: 1 } });
  expect(JSON.stringify([...cid.frames, ...back.frames])).not.toContain(canary);
  expect((await cid.ask("message.send", { conversation_id: group, content: "x" })).payload.code).toBe(
    "not_participant",
  );
  // And in again.
  await other.change({ kind: "add", conversationId, userIds: ["in-cid"], maxParticipants: 10 });
  await say(ann, group, "welcome back");
  await cid.until(says("welcome back"), "welcome back");
  await Promise.all([ann, cid, back].map((client) => client.close()));
});

test("a client that goes from one server to the other and back misses nothing and hears nothing twice", async () => {
  const ann = await connect(one, { user: "hop-ann" });
  const bob = await connect(two, { user: "hop-bob" });
  const conversation = await openConversation(ann, ["hop-bob", "hopper"], "Hops");
  let sending = true;
  let sent = 0;
  const burst = [ann, bob].map(async (client) => {
    while (sending) {
      await say(client, conversation, `m${sent++}`).catch((error: Error) => {
        // Bob's server may not yet know of the conversation.
        if (sent > 20) throw error;
      });
      await new Promise((resolve) => setTimeout(resolve, 8));
    }
  });
  const first = await connect(one, { user: "hopper" });
  await first.until((frame) => frame.payload.content?.startsWith("m"), "a message");
  await first.until((frame) => frame.event === "position", "position", first.frames.length - 1);
  let position = "";
  let covered = 0;
  /** Up to the last position, as for a client whose connection broke off there. */
  const take = (frames: readonly Received[], from: number): void => {
    let last = covered;
    const end = frames.findLastIndex((frame) => frame.event === "position" || frame.event === "resumed");
    for (const { event, payload } of frames.slice(from, end + 1)) {
      if (event === "message.receive") {
        if (last !== 0) expect(payload.seq).toBe(last + 1);
        last = payload.seq;
      }
      if (event === "position" || event === "resumed") {
        position = payload.position;
        covered = last;
      }
    }
  };
  take(first.frames, 1);
  first.drop();
  for (let hop = 0; hop < 24; hop++) {
    const client = await connect(hop % 2 === 0 ? two : one, { user: "hopper" });
    expect((await client.ask("resume", { position })).event).toBe("resumed");
    await new Promise((resolve) => setTimeout(resolve, (hop % 5) * 60));
    take(client.frames, 1);
    client.drop();
  }
  sending = false;
  await Promise.all(burst);
  const last = await connect(two, { user: "hopper" });
  await last.ask("resume", { position });
  take(last.frames, 1);
  const newest = (await one.request(`/api/v1/chat/${conversation}?limit=1`)).body.messages[0].seq;
  expect(covered).toBe(newest);
  await Promise.all([ann, bob, last].map((client) => client.close()));
}, 60_000);

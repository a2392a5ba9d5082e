import { readId } from "@parlance/protocol/ids.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ClientState, clientState, tickOf } from "../support/fold.ts";
import { connectOtherNode, type OtherNode } from "../support/other-node.ts";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { connect, openConversation, type Received, say, type TestClient } from "../support/socket.ts";

let scene: Scene;
let server: ServerProcess;
let other: OtherNode;

beforeAll(async () => {
  scene = await openScene("ws_resume");
  server = await scene.start({ SWEEP_SECONDS: "1", RATE_LIMIT_REACTIONS: "off" });
  other = await connectOtherNode(scene.database);
});
afterAll(async () => {
  await other.close();
  await scene.close();
});

/** Where a client was cut: what it knew, and what it could ask to go on from. */
interface Cut {
  readonly step: string;
  readonly position: string;
  readonly state: ClientState;
}

const number = (conversation: string) => readId("conversation", conversation) as number;

/**
 * Every kind of change over several conversations: some made, joined and left on the way. Resolves to where a client
 * that was there throughout stood after each step.
 */
async function play(): Promise<{ cuts: Cut[]; final: ClientState; secret: string; hidden: string }> {
  const [me, phone, ann, bob] = (await Promise.all(
    ["me", "me", "ann", "bob"].map((user) => connect(server, { user })),
  )) as [TestClient, TestClient, TestClient, TestClient];
  const state = clientState("me");
  const cuts: Cut[] = [];
  let applied = 0;

  /** Waits until the first device has been told of this tick and given the position after it. */
  const step = async (name: string, conversation: string, tick: number): Promise<void> => {
    const isIt = (frame: Received): boolean => {
      const told = tickOf(frame);
      return told?.conversation === conversation && told.tick >= tick;
    };
    await me.until(isIt, name);
    await me.until((frame) => frame.event === "position", "position", me.frames.findIndex(isIt));
    for (; applied < me.frames.length; applied++) state.apply(me.frames[applied] as Received);
    cuts.push({ step: name, position: me.position(), state: state.copy() });
  };
  const message = async (by: TestClient, conversation: string, content: string, more: object = {}) => {
    const ack = await say(by, conversation, content, more);
    await step(`message ${content}`, conversation, ack.seq);
    return ack;
  };
  const ask = async (by: TestClient, event: string, payload: Record<string, unknown>) => {
    const { payload: ok } = await by.ask(event, payload);
    await step(event, payload.conversation_id as string, ok.seq);
  };
  const change = async (conversation: string, wish: object) => {
    const conversationId = number(conversation);
    const tick = await other.change({ conversationId, ...wish } as Parameters<OtherNode["change"]>[0]);
    await step(JSON.stringify(wish), conversation, tick);
  };

  const group = await openConversation(ann, ["bob", "me"], "Group");
  await step("a group", group, 1);
  await message(ann, group, "g1", { message_id: "g1" });
  await message(bob, group, "g2", { message_id: "g2", metadata: { n: 1 } });
  const direct = await openConversation(ann, ["me"]);
  await step("a direct conversation", direct, 1);
  await message(phone, direct, "d1", { message_id: "d1" });
  await ask(ann, "reaction.add", { conversation_id: direct, message_id: "d1", emoji: "👍" });
  await ask(ann, "message.edit", { conversation_id: group, message_id: "g1", content: "g1 edited" });
  await message(phone, group, "g3", { message_id: "g3" });
  await ask(bob, "reaction.add", { conversation_id: group, message_id: "g1", emoji: "🎉" });
  await ask(bob, "message.delete", { conversation_id: group, message_id: "g2" });
  // Behind a horizon that has moved on.
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  await message(ann, direct, "d2");
  const joined = await openConversation(ann, ["bob"], "Joined late");
  await say(ann, joined, "j1");
  await say(ann, joined, "j2", { message_id: "j2" });
  await change(joined, { kind: "add", userIds: ["me"], maxParticipants: 10 });
  await message(ann, joined, "j3");
  await ask(ann, "message.edit", {
    conversation_id: joined,
    message_id: (await say(ann, joined, "j4")).id,
    content: "j4 edited",
  });
  const closed = await openConversation(ann, ["bob"], "No history");
  const closedNumber = number(closed);
  await other.change({ kind: "settings", conversationId: closedNumber, settings: { historyVisible: false } });
  const hidden = "before anybody joined";
  await say(ann, closed, hidden, { message_id: "hidden" });
  await change(closed, { kind: "add", userIds: ["me"], maxParticipants: 10 });
  await message(ann, closed, "c1");
  await change(group, { kind: "settings", name: "Group, renamed", settings: { allowReplies: false } });
  await ask(bob, "reaction.remove", { conversation_id: group, message_id: "g1", emoji: "🎉" });
  await change(group, { kind: "role", userId: "bob", role: "admin" });
  const left = await openConversation(ann, ["bob", "me"], "Left");
  await step("a group to be left", left, 1);
  await message(ann, left, "l1", { message_id: "l1" });
  await ask(ann, "message.edit", { conversation_id: left, message_id: "l1", content: "l1 edited" });
  await change(left, { kind: "remove", userId: "me" });
  const secret = "after the removal";
  await say(ann, left, secret, { message_id: "secret" });
  await ask(ann, "message.edit", { conversation_id: group, message_id: "g1", content: "g1 edited again" });
  await message(bob, group, "g4");
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  await message(ann, direct, "d3");
  await Promise.all([me, phone, ann, bob].map((client) => client.close()));
  return { cuts, final: state, secret, hidden };
}

/** What came between the connection and `resumed`. */
async function resume(wish: object): Promise<{ client: TestClient; missed: Received[] }> {
  const client = await connect(server, { user: "me" });
  const answer = await client.ask("resume", wish);
  expect(answer.event).toBe("resumed");
  return { client, missed: client.frames.slice(1, client.frames.indexOf(answer)) };
}

/** Things of one kind rise within a conversation, so nothing comes twice. */
function expectOnceInOrder(missed: readonly Received[]): void {
  const last = new Map<string, number>();
  for (const frame of missed) {
    const told = tickOf(frame);
    if (told === null) continue;
    const kind = `${told.conversation} ${frame.event} ${"unread" in frame.payload}`;
    expect(told.tick, kind).toBeGreaterThan(last.get(kind) ?? 0);
    last.set(kind, told.tick);
  }
}

describe("resume", () => {
  test("from every cut point: exactly what was missed, to the state of who was there throughout", async () => {
    const { cuts, final, secret, hidden } = await play();
    expect(cuts.length).toBeGreaterThan(24);
    const again = async (cut: Cut) => {
      const { client, missed } = await resume({ position: cut.position });
      expectOnceInOrder(missed);
      const clocks = cut.state.clocks();
      const events = missed.filter((frame) => !("unread" in frame.payload));
      for (const frame of events) {
        const told = tickOf(frame);
        if (told !== null)
          expect(told.tick, JSON.stringify(frame)).toBeGreaterThan(clocks[told.conversation] ?? 0);
      }
      const state = cut.state.copy();
      for (const frame of events) state.apply(frame);
      expect(state.snapshot()).toEqual(final.snapshot());
      for (const frame of missed) state.apply(frame);
      expect(state.snapshot()).toEqual(final.snapshot());
      for (const canary of [secret, hidden]) expect(JSON.stringify(client.frames)).not.toContain(canary);
      await client.close();
    };
    for (const cut of cuts) {
      await again(cut).catch((error: Error) => {
        error.message = `cut after "${cut.step}": ${error.message}`;
        throw error;
      });
    }

    // The same by the ticks of each conversation: what is not named is announced.
    const current = final.clocks();
    for (const cut of cuts) {
      const positions = cut.state.clocks();
      const { client, missed } = await resume({ epoch: undefined, positions });
      expectOnceInOrder(missed);
      const state = cut.state.copy();
      for (const frame of missed) if (frame.payload.conversation_id in positions) state.apply(frame);
      const [got, expected] = [state.snapshot(), final.snapshot()];
      for (const id of Object.keys(positions)) expect(got[id], `${cut.step} ${id}`).toEqual(expected[id]);
      const announced = missed.filter((frame) => "unread" in frame.payload);
      for (const id of Object.keys(current)) {
        if (id in positions) continue;
        const head = announced.filter((frame) => frame.payload.conversation_id === id);
        expect(head, `${cut.step} ${id}`).toMatchObject([{ payload: { seq: current[id] } }]);
      }
      for (const canary of [secret, hidden]) expect(JSON.stringify(client.frames)).not.toContain(canary);
      await client.close();
    }

    // After the server was killed, and from the position that `resumed` gave.
    await server.stop("SIGKILL");
    server = await scene.start({ SWEEP_SECONDS: "1" });
    for (const cut of cuts.filter((_, i) => i % 4 === 0)) await again(cut);
    const { client } = await resume({ position: (cuts[3] as Cut).position });
    const at = client.position();
    await client.close();
    const { client: next, missed } = await resume({ position: at });
    // Unread counts are state, and told again; no event is.
    expect(missed.filter((frame) => tickOf(frame) !== null && !("unread" in frame.payload))).toEqual([]);
    await next.close();
  }, 90_000);

  test("late, after live frames: what was missed comes before what comes next, and live goes on once", async () => {
    const [ann, bob] = [
      await connect(server, { user: "late-ann" }),
      await connect(server, { user: "late-bob" }),
    ];
    const conversation = await openConversation(ann, ["late-bob"]);
    await bob.until((frame) => frame.event === "position", "position");
    const position = bob.position();
    await bob.close();
    for (let i = 0; i < 5; i++) await say(ann, conversation, `away ${i}`);
    const back = await connect(server, { user: "late-bob" });
    await back.ask("ping");
    await say(ann, conversation, "live");
    await back.until((frame) => frame.payload.content === "live", "live");
    const from = back.frames.length;
    expect((await back.ask("resume", { position })).event).toBe("resumed");
    await say(ann, conversation, "next");
    await back.until((frame) => frame.payload.content === "next", "next");
    const told = back.frames.slice(from).filter((frame) => frame.event === "message.receive");
    expect(told.map((frame) => frame.payload.seq)).toEqual([2, 3, 4, 5, 6, 7, 8]);
    await Promise.all([ann, back].map((client) => client.close()));
  });

  test("who knows the people of a large group is not told them again, who does not is", async () => {
    const ann = await connect(server, { user: "crowd-ann" });
    const people = Array.from({ length: 24 }, (_, i) => `crowd-${i}`);
    const large = await openConversation(ann, people, "Large");
    const small = await openConversation(ann, people.slice(0, 2), "Small");
    const before = await connect(server, { user: "crowd-0" });
    await before.ask("ping");
    const position = before.position();
    await before.close();
    for (const conversation of [large, small]) await say(ann, conversation, "while away");
    const personal = async (wish: Record<string, unknown>) => {
      const client = await connect(server, { user: "crowd-0" });
      expect((await client.ask("resume", wish)).event).toBe("resumed");
      const told = client.all("conversation.changed").filter((one) => "unread" in one);
      return new Map(told.map((one) => [one.conversation_id, one]));
    };
    const back = await personal({ position });
    expect(back.get(large)).toMatchObject({ name: "Large", participant_count: 25, unread: 1 });
    expect(back.get(large)).not.toHaveProperty("participants");
    expect(back.get(small)?.participants).toHaveLength(3);
    const anew = await personal({ positions: { [small]: 1 } });
    expect(anew.get(large)?.participants).toHaveLength(25);
    expect(anew.get(small)?.participants).toHaveLength(3);
  });

  test("what cannot be resumed is answered with a reset and its reason", async () => {
    const [ann, eve] = [
      await connect(server, { user: "reset-ann" }),
      await connect(server, { user: "reset-eve" }),
    ];
    const conversation = await openConversation(ann, ["reset-bob"]);
    const { seq } = await say(ann, conversation, "x");
    const position = ann.position();
    const resets = async (by: TestClient, wish: object) => {
      const from = by.frames.length;
      expect((await by.ask("resume", wish)).event).toBe("resumed");
      return by.frames.slice(from).flatMap((frame) => (frame.event === "reset" ? [frame.payload] : []));
    };
    const [, horizon, at, names] = position.split(".") as [string, string, string, string];
    const epoch = ann.ready.epoch as string;
    expect(await resets(ann, { position })).toEqual([]);
    expect(await resets(ann, { position: `00000000.${horizon}.${at}.${names}` })).toEqual([
      { reason: "epoch_changed" },
    ]);
    expect(await resets(ann, { position: `${epoch.slice(0, 8)}.zzzzzzzzz.${at}.` })).toEqual([
      { reason: "ahead_of_log" },
    ]);
    expect(await resets(ann, { epoch: "other", positions: { [conversation]: 1 } })).toEqual([
      { reason: "epoch_changed" },
    ]);
    expect(await resets(ann, { epoch, positions: { [conversation]: seq + 1 } })).toEqual([
      { conversation_id: conversation, reason: "ahead_of_log" },
    ]);
    const foreign = [{ conversation_id: conversation, reason: "forbidden" }];
    expect(await resets(eve, { epoch, positions: { [conversation]: 1 } })).toEqual(foreign);
    expect(await resets(eve, { positions: { conv_abc123: 1 } })).toEqual([
      { conversation_id: "conv_abc123", reason: "forbidden" },
    ]);
    // A name in a position that was made up gives nothing of another's conversation away.
    const id = number(conversation).toString(36);
    const from = eve.frames.length;
    await eve.ask("resume", { position: `${epoch.slice(0, 8)}.1.1.${id}-0` });
    expect(eve.frames.slice(from).filter((frame) => tickOf(frame) !== null)).toEqual([]);

    for (const bad of [
      {},
      { position: "" },
      { position: "x" },
      { position: `${position}_` },
      { position: position.toUpperCase() },
      { position: "z".repeat(5_000) },
      { position: `${epoch.slice(0, 8)}.1.1.${"1-1_".repeat(1_100)}1-1` },
      { positions: { nonsense: 1 } },
      { positions: { [conversation]: -1 } },
      { positions: { [conversation]: 1.5 } },
      { positions: { [conversation]: "1" } },
      { positions: { [conversation]: 1e18 } },
      { positions: [] },
      { positions: null },
      { position: 7 },
    ]) {
      const answer = await ann.ask("resume", bad);
      expect(answer, JSON.stringify(bad).slice(0, 80)).toMatchObject({
        event: "error",
        payload: { code: "invalid" },
      });
    }
    await Promise.all([ann, eve].map((client) => client.close()));
  });
});

import { spellPrefixed } from "@parlance/protocol/ids.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectOtherNode, type OtherNode } from "../support/other-node.ts";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { connect, type TestClient } from "../support/socket.ts";
import { eventsOf, listen, openChat, post, type StreamEvent } from "./stream-client.ts";

let scene: Scene;
let server: ServerProcess;
let other: OtherNode;
let ann: TestClient;

beforeAll(async () => {
  scene = await openScene("sse_resume");
  server = await scene.start({ SWEEP_SECONDS: "1" });
  other = await connectOtherNode(scene.database);
  ann = await connect(server, { user: "ann" });
});
afterAll(async () => {
  await other?.close();
  await scene.close();
});

const conv = (id: number): string => spellPrefixed("conversation", id);

/** Which thing an event says, in which state. */
const told = ({ name, data }: StreamEvent): string => `${name} ${data.id} ${data.rev}`;
const entity = ({ data }: StreamEvent): string => `${data.id} ${data.rev}`;

/** What a listener is told from that id on, until it knows all of `missing` in their latest state. */
async function restFrom(
  user: string,
  lastEventId: string,
  missing: ReadonlySet<string>,
): Promise<readonly StreamEvent[]> {
  const stream = await listen(server, { user, lastEventId });
  await stream.until((events) => missing.isSubsetOf(new Set(events.map(entity))), "the rest");
  await stream.cut();
  return stream.events();
}

/**
 * Wherever a stream breaks, the id that is left of it gives exactly the rest, each thing in its latest state. What had
 * been told in a state newer than its place may come again as an update in that same state.
 */
async function expectExact(user: string, events: readonly StreamEvent[]): Promise<void> {
  const latest = new Map(events.map((event) => [event.data.id, entity(event)]));
  for (const [i, { id }] of events.slice(0, -1).entries()) {
    const known = events.slice(0, i + 1);
    const behind = events.slice(i + 1);
    const missing = new Set(behind.map(({ data }) => latest.get(data.id) as string));
    const rest = await restFrom(user, id, missing);
    // No message twice, and none that was told before.
    const messages = (list: readonly StreamEvent[]) =>
      list.filter(({ name }) => name === "message").map(({ data }) => data.id as number);
    expect(messages(rest).toSorted(byNumber), `from ${id}`).toEqual(messages(behind).toSorted(byNumber));
    const states = new Set(known.map(entity));
    const news = rest.filter((event) => !(event.name === "update" && states.has(entity(event))));
    expect(new Set(news.map(entity)), `from ${id}`).toEqual(missing);
    expect(new Set(rest.map(told)).size).toBe(rest.length);
  }
}

const byNumber = (a: number, b: number): number => a - b;

describe("resume", () => {
  test("from every event of a batch over several chats, live and caught up", async () => {
    const chats = [
      await openChat(server, ["ann", "bob"], "One"),
      await openChat(server, ["ann", "bob"], "Two"),
      await openChat(server, ["ann", "bob"], "Three"),
    ];
    const early = await Promise.all(chats.map((chat) => post(server, "ann", chat, "early")));
    const live = await listen(server, { user: "bob" });
    const start = live.lastEventId();
    expect(start).not.toBe("");
    // In one turn of the sender's, so that they come in as few batches as can be, edits among them.
    const answers: Promise<unknown>[] = [];
    for (let n = 0; n < 12; n++) {
      const chat = chats[n % 3] as number;
      const conversation_id = conv(chat);
      answers.push(ann.ask("message.send", { conversation_id, message_id: `m${n}`, content: `text ${n}` }));
      if (n % 4 === 1) {
        const message_id = n > 6 ? `m${n - 3}` : early[n % 3].id;
        answers.push(ann.ask("message.edit", { conversation_id, message_id, content: `edited at ${n}` }));
      }
    }
    await Promise.all(answers);
    const end = await post(server, "ann", chats[1] as number, "the end");
    await live.until((events) => events.some(({ data }) => data.id === end.id), "the end");
    const events = live.events();
    expect(events.filter(({ name }) => name === "message")).toHaveLength(13);
    expect(events.filter(({ name }) => name === "update").length).toBeGreaterThanOrEqual(3);

    await expectExact("bob", events);
    const latest = new Map(events.map((event) => [event.data.id, entity(event)]));
    const caughtUp = await restFrom("bob", start, new Set(latest.values()));
    for (const chat of chats) {
      const of = (list: readonly StreamEvent[]) =>
        list
          .filter(({ name, data }) => name === "message" && data.chat_id === chat)
          .map(({ data }) => data.id);
      expect(of(caughtUp)).toEqual(of(events));
    }
    await expectExact("bob", caughtUp);
    await live.cut();
  }, 120_000);

  test("an id counts only when its block was whole: cut at every byte", async () => {
    const chat = await openChat(server, ["ann", "cut"], "Cut");
    const live = await listen(server, { user: "cut" });
    const start = live.lastEventId();
    await Promise.all(
      [1, 2, 3].map((n) => post(server, "ann", chat, `Grüße ${n}\n\nid: forged\r\rdata: {}`)),
    );
    await live.until((events) => events.length === 3, "three messages");
    const body = Buffer.from(live.body());
    await live.cut();
    const wanted = live.messages().map(({ id }) => id);
    const outcomes = new Map<string, number[]>();
    for (let bytes = 1; bytes <= body.length; bytes++) {
      const { events, lastEventId } = eventsOf(body.toString("utf8", 0, bytes));
      outcomes.set(
        lastEventId,
        events.map(({ data }) => data.id),
      );
    }
    // Nothing, the position at the start, and one for each message.
    expect(outcomes.size).toBe(5);
    for (const [id, known] of outcomes) {
      if (id === "") continue;
      const rest = await listen(server, { user: "cut", lastEventId: id });
      await rest.until((events) => events.length >= 3 - known.length, "the rest");
      expect([...known, ...rest.messages().map((message) => message.id)], id).toEqual(wanted);
      await rest.cut();
    }
    // And over a connection that breaks just there.
    for (const cutAfter of [60, 75, 120, 200, 300, 400, 500]) {
      const broken = await listen(server, { user: "cut", lastEventId: start, cutAfter });
      await broken.closed;
      const lastEventId = broken.lastEventId() === "" ? start : broken.lastEventId();
      const rest = await listen(server, { user: "cut", lastEventId });
      const known = broken.messages().length;
      await rest.until((events) => events.length >= 3 - known, "the rest");
      const all = [...broken.messages(), ...rest.messages()].map(({ id }) => id);
      expect(all, `cut after ${cutAfter}`).toEqual(wanted);
      await rest.cut();
    }
  }, 60_000);

  test("on another process, after a restart, and by the query where a header cannot be sent", async () => {
    const chat = await openChat(server, ["ann", "eve"], "Elsewhere");
    const live = await listen(server, { user: "eve" });
    await post(server, "ann", chat, "before");
    await live.until((events) => events.length === 1, "a message");
    const lastEventId = live.lastEventId();
    await live.cut();
    await post(server, "ann", chat, "missed");
    const next = await scene.start({ SWEEP_SECONDS: "1" });
    const elsewhere = await listen(next, { user: "eve", lastEventId });
    await elsewhere.until((events) => events.length === 1, "what was missed");
    expect(elsewhere.messages()[0].text).toBe("missed");
    // Told to stop, it ends its streams, and they can be gone on with where it comes back.
    await next.stop();
    await elsewhere.closed;
    await post(server, "ann", chat, "while it was away");
    const again = await scene.start({ SWEEP_SECONDS: "1" });
    const byQuery = await listen(again, {
      user: "eve",
      query: `stream=messages&last_event_id=${elsewhere.lastEventId()}`,
    });
    await byQuery.until((events) => events.length === 1, "what was missed");
    expect(byQuery.messages()[0].text).toBe("while it was away");
    await byQuery.cut();
    // A client that comes back by itself keeps its URL: the header is newer.
    const both = await listen(again, {
      user: "eve",
      query: `stream=messages&last_event_id=${lastEventId}`,
      lastEventId: byQuery.lastEventId(),
    });
    await post(again, "ann", chat, "after");
    await both.until((events) => events.length === 1, "the next");
    expect(both.messages()[0].text).toBe("after");
    await both.cut();
    await again.stop();
  }, 60_000);

  test("whoever was let in or out meanwhile is told what they may see", async () => {
    const chat = await openChat(server, ["ann", "in-and-out"], "Door");
    const live = await listen(server, { user: "in-and-out" });
    await post(server, "ann", chat, "seen");
    await live.until((events) => events.length === 1, "a message");
    await live.cut();
    const lastEventId = live.lastEventId();
    await post(server, "ann", chat, "still in");
    await other.change({ kind: "remove", conversationId: chat, userId: "in-and-out" });
    await post(server, "ann", chat, "behind the door");
    const left = await listen(server, { user: "in-and-out", lastEventId });
    await left.until((events) => events.length === 1, "what was said before");
    expect(left.messages().map(({ text }) => text)).toEqual(["still in"]);
    await left.cut();
    const joined = await openChat(server, ["ann", "in-and-out"], "Another door");
    await post(server, "ann", joined, "welcome");
    const back = await listen(server, { user: "in-and-out", lastEventId: left.lastEventId() });
    await back.until((events) => events.length === 1, "the other chat");
    expect(back.messages().map(({ text }) => text)).toEqual(["welcome"]);
    await back.cut();
  });

  test("another's id gives what is one's own, and nothing of theirs", async () => {
    const secret = await openChat(server, ["ann", "rob"], "Secret");
    const own = await openChat(server, ["ann", "spy"], "Own");
    const rob = await listen(server, { user: "rob" });
    const start = rob.lastEventId();
    await post(server, "ann", secret, "for rob alone");
    await rob.until((events) => events.length === 1, "a message");
    await post(server, "ann", own, "for the spy");
    for (const lastEventId of [start, rob.lastEventId()]) {
      const spy = await listen(server, { user: "spy", lastEventId });
      await post(server, "ann", secret, "for rob again");
      await post(server, "ann", own, "live");
      await spy.until(() => spy.messages().at(-1)?.text === "live", "what is live");
      expect(new Set(spy.messages().map(({ chat_id }) => chat_id))).toEqual(new Set([own]));
      expect(spy.messages()[0].text).toBe("for the spy");
      await spy.cut();
    }
    await rob.cut();
  });

  test("an id that cannot be gone on from is answered with a reset, and the stream is live behind it", async () => {
    const chat = await openChat(server, ["ann", "lost"], "Lost");
    const live = await listen(server, { user: "lost" });
    const start = live.lastEventId();
    await live.cut();
    const [epoch = "", horizon = "", at = "", names = ""] = start.split(".");
    const cases: readonly [string, string][] = [
      ["garbage", "invalid_position"],
      ["1", "invalid_position"],
      ["0", "invalid_position"],
      ["-1", "invalid_position"],
      ["..", "invalid_position"],
      [`${start}${"_1-1".repeat(2_000)}`.slice(0, 6_000), "invalid_position"],
      [`zzzzzzzz.${horizon}.${at}.${names}`, "epoch_changed"],
      [`${epoch}.zzzzzzzzz.${at}.${names}`, "ahead_of_log"],
    ];
    for (const [lastEventId, reason] of cases) {
      const stream = await listen(server, { user: "lost", lastEventId });
      await stream.until((events) => events.length === 1, "a reset");
      expect(stream.events()).toEqual([{ name: "reset", id: expect.any(String), data: { reason } }]);
      const { text } = await post(server, "ann", chat, `after ${reason}`);
      await stream.until((events) => events.length === 2, "what is live");
      expect(stream.messages()[0].text).toBe(text);
      await stream.cut();
      // The reset's own id is good.
      const { id } = stream.events()[0] as StreamEvent;
      const again = await listen(server, { user: "lost", lastEventId: id });
      await again.until((events) => events.length === 1, "the message after the reset");
      expect(again.messages()[0].text).toBe(text);
      await again.cut();
    }
    // Of one chat only: the others are gone on with.
    const ahead = await listen(server, {
      user: "lost",
      lastEventId: `${epoch}.${horizon}.${at}.${chat.toString(36)}-zzz`,
    });
    await ahead.until((events) => events.length === 1, "a reset");
    expect(ahead.events()[0]).toMatchObject({
      name: "reset",
      data: { reason: "ahead_of_log", chat_id: chat },
    });
    await post(server, "ann", chat, "goes on");
    await ahead.until((events) => events.length === 2, "what is live");
    await ahead.cut();
  }, 60_000);
});

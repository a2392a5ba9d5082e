import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { connect as connectWs } from "../support/socket.ts";
import { conversationOf, open, say, type TestSocket } from "./client.ts";

let scene: Scene;
let server: ServerProcess;
beforeAll(async () => {
  scene = await openScene("sio_resume");
  server = await scene.start();
});
afterAll(() => scene.close());

const contents = (of: TestSocket): string[] => of.all("new_message").map(({ content }) => content);
const numbered = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, i) => `n${from + i}`);

describe("by seq", () => {
  test("what was missed comes first, then what is live, nothing twice", async () => {
    const conversation = await conversationOf(server, ["ann", "ben"], "since");
    using ann = await open(server, "ann");
    for (const text of numbered(60)) await say(ann, conversation, text);
    using ben = await open(server, "ben");
    // Live ones all the while.
    const sending = (async () => {
      for (const text of numbered(60, 60)) await say(ann, conversation, text);
    })();
    await new Promise((resolve) => setTimeout(resolve, 10));
    const joined = await ben.ask("join_conversation", { conversation_id: conversation, since: 11 });
    expect(joined.success).toBe(true);
    await sending;
    await expect.poll(() => contents(ben).length).toBe(110);
    expect(contents(ben)).toEqual(numbered(110, 10));
    expect(ben.told.every(({ event }) => event !== "reset")).toBe(true);
  });

  test("edits since then come too, in their latest state", async () => {
    const conversation = await conversationOf(server, ["cat", "dan"], "edited");
    const cat = await connectWs(server, { user: "cat" });
    const { payload } = await cat.ask("message.send", { conversation_id: conversation, content: "old" });
    const edit = { conversation_id: conversation, message_id: payload.id };
    await cat.ask("message.edit", { ...edit, content: "newer" });
    await cat.ask("message.edit", { ...edit, content: "newest" });
    using dan = await open(server, "dan");
    await dan.ask("join_conversation", { conversation_id: conversation, since: payload.seq });
    await dan.until("message_updated");
    expect(dan.told.map(({ event, payload: { content } }) => [event, content])).toEqual([
      ["message_updated", "newest"],
    ]);
    await cat.close();
  });

  test("from what is not there, or of another life, it is reset, and live all the same", async () => {
    const conversation = await conversationOf(server, ["eva", "fox"], "ahead");
    using eva = await open(server, "eva");
    using fox = await open(server, "fox");
    await fox.ask("join_conversation", { conversation_id: conversation, since: 99 });
    await fox.ask("leave_conversation", conversation);
    const other = { conversation_id: conversation, since: 1, epoch: "of another database" };
    await fox.ask("join_conversation", other);
    expect(fox.all("reset")).toEqual([
      { conversation_id: conversation, reason: "ahead_of_log" },
      { conversation_id: conversation, reason: "epoch_changed" },
    ]);
    await say(eva, conversation, "live");
    await expect.poll(() => contents(fox)).toEqual(["live"]);
    for (const since of [-1, 1.5, "1", {}]) {
      const answer = await fox.ask("join_conversation", { conversation_id: conversation, since });
      expect(answer, JSON.stringify(since)).toMatchObject({ success: false, code: "invalid" });
    }
  });
});

describe("by position", () => {
  test("everything missed in all conversations, then `resumed`, then what is live", async () => {
    const [one, two] = [
      await conversationOf(server, ["gus", "hal"], "one"),
      await conversationOf(server, ["gus", "hal"], "two"),
    ];
    using gus = await open(server, "gus");
    const hal = await open(server, "hal", { auth: { autojoin: true } });
    await say(gus, one, "heard");
    await expect.poll(() => contents(hal)).toEqual(["heard"]);
    await expect.poll(() => hal.told.at(-1)?.event).toBe("position");
    const position = hal.position();
    hal.drop();
    await say(gus, one, "missed");
    await say(gus, two, "missed too");
    const three = await conversationOf(server, ["gus", "hal"], "three");
    await say(gus, three, "in a new one");
    using back = await open(server, "hal", { auth: { position } });
    const resumed = await back.until("resumed");
    const missed = contents(back);
    expect(missed.toSorted()).toEqual(["in a new one", "missed", "missed too"]);
    await say(gus, two, "live");
    await expect.poll(() => contents(back).at(-1)).toBe("live");
    expect(back.all("new_message")).toHaveLength(4);
    // The position that came with `resumed` is as good as any.
    using again = await open(server, "hal", { auth: { position: resumed.position } });
    await again.until("resumed");
    expect(contents(again)).toEqual(["live"]);
  });

  test("of another database it is reset, and none at all is refused", async () => {
    using one = await open(server, "ida", { auth: { position: "aaaaaaaa.1.1." } });
    expect(await one.until("reset")).toEqual({ reason: "epoch_changed" });
    const { position } = await one.until("resumed");
    using two = await open(server, "ida", { auth: { position } });
    await two.until("resumed");
    expect(two.all("reset")).toEqual([]);
    for (const bad of ["nonsense", 7, {}, ["x"]]) {
      await expect(
        open(server, "ida", { auth: { position: bad } }),
        JSON.stringify(bad),
      ).rejects.toMatchObject({
        data: { code: "invalid" },
      });
    }
  });
});

test("what was missed counts as delivered once it was told, either way", async () => {
  const [one, two] = [
    await conversationOf(server, ["jon", "kay"], "late one"),
    await conversationOf(server, ["jon", "kay"], "late two"),
  ];
  const statusOf = async (id: string) =>
    (await server.request(`/messages/${id}`)).body.data.messages.map(
      ({ status }: { status: string }) => status,
    );
  using first = await open(server, "kay", { auth: { autojoin: true } });
  const { position } = await first.until("position");
  first.close();
  using jon = await open(server, "jon");
  for (const id of [one, two]) await say(jon, id, "while you were away");
  expect([await statusOf(one), await statusOf(two)]).toEqual([["sent"], ["sent"]]);
  using joining = await open(server, "kay");
  await joining.ask("join_conversation", { conversation_id: one, since: 1 });
  await expect.poll(() => statusOf(one), { timeout: 5_000 }).toEqual(["delivered"]);
  expect(await statusOf(two)).toEqual(["sent"]);
  using resuming = await open(server, "kay", { auth: { position } });
  await resuming.until("resumed");
  await expect.poll(() => statusOf(two), { timeout: 5_000 }).toEqual(["delivered"]);
});

test.each([["websocket"], ["polling"]])(
  "over %s a client that keeps its position loses nothing over a restart, and comes back by itself",
  async (transport) => {
    const port = String(20_000 + Math.floor(Math.random() * 10_000));
    const first = await scene.start({ PORT: port, DRAIN_SECONDS: "3" });
    const people = [`k-${transport}`, `l-${transport}`] as const;
    const conversation = await conversationOf(first, people);
    let position: string | undefined;
    using hearer = await open(first, people[1], {
      transports: [transport],
      reconnection: true,
      reconnectionDelay: 50,
      reconnectionDelayMax: 200,
      auth: (give) => give(position === undefined ? { autojoin: true } : { position }),
    });
    for (const event of ["position", "resumed"]) {
      hearer.socket.on(event, (told: { position: string }) => {
        position = told.position;
      });
    }
    await hearer.until("position");
    const reasons: string[] = [];
    hearer.socket.on("disconnect", (reason) => reasons.push(reason));

    using before = await open(first, people[0]);
    for (const text of numbered(5)) await say(before, conversation, text);
    await expect.poll(() => contents(hearer).length).toBe(5);
    const started = Date.now();
    expect((await first.stop()).code).toBe(0);
    expect(Date.now() - started).toBeLessThan(4_000);
    expect(reasons).toHaveLength(1);
    expect(reasons[0]).not.toBe("io server disconnect");

    const second = await scene.start({ PORT: port });
    using after = await open(second, people[0]);
    for (const text of numbered(5, 5)) await say(after, conversation, text);
    await expect.poll(() => new Set(contents(hearer)).size, { timeout: 10_000 }).toBe(10);
    expect([...new Set(contents(hearer))]).toEqual(numbered(10));
    await second.stop();
  },
);

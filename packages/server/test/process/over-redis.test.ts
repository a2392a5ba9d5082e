import { afterAll, beforeAll, expect, test } from "vitest";
import { type Api, groupOf, openApi, type Person, personOf } from "../stomp/support/api.ts";
import { describeWithRedis, startRedis, type TestRedis } from "../support/redis.ts";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { connect, openConversation, type Received, say } from "../support/socket.ts";

/** So rarely that whatever is heard in time was told by the bus. */
const SWEEP_SECONDS = "60";

let redis: TestRedis;
let scene: Scene;
let one: ServerProcess;
let two: ServerProcess;
let api: Api;

const says = (content: string) => (frame: Received) => frame.payload.content === content;

describeWithRedis("two servers over one PostgreSQL and one Redis", () => {
  beforeAll(async () => {
    redis = await startRedis();
    scene = await openScene("over_redis");
    const env = { SWEEP_SECONDS, REDIS_URL: redis.url };
    [one, two] = await Promise.all([scene.start(env), scene.start(env)]);
    api = await openApi(one);
  });
  afterAll(async () => {
    await scene.close();
    await redis.close();
  });

  const person = (server: ServerProcess, id: string): Promise<Person> => personOf(server, api, id);

  test("each says in its own name that it is well", async () => {
    const names = await Promise.all(
      [one, two].map(async (server) => (await server.request("/health")).body.process),
    );
    expect(new Set(names).size).toBe(2);
    const metrics = await Promise.all(
      [one, two].map(async (server) => (await server.request("/metrics")).body),
    );
    for (const [i, text] of metrics.entries()) {
      expect(text).toContain(`parlance_sessions{process="${names[i]}"}`);
      expect(text).toContain(`parlance_bus_up{process="${names[i]}"} 1`);
    }
  });

  test("what both sides say at once is heard on both, once and in order", async () => {
    const ann = await connect(one, { user: "ann" });
    const bob = await connect(two, { user: "bob" });
    const conversation = await openConversation(ann, ["bob"]);
    await bob.until((frame) => frame.payload.conversation_id === conversation, "the conversation");
    for (let i = 0; i < 50; i++) {
      await Promise.all([say(ann, conversation, `a${i}`), say(bob, conversation, `b${i}`)]);
    }
    await say(ann, conversation, "last of ann");
    await say(bob, conversation, "last of bob");
    await bob.until(says("last of ann"), "the last");
    await ann.until(says("last of bob"), "the last");
    for (const [client, prefix] of [
      [ann, "b"],
      [bob, "a"],
    ] as const) {
      const told = client.all("message.receive");
      const seqs = told.map(({ seq }) => seq);
      expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
      expect(new Set(seqs).size).toBe(seqs.length);
      const theirs = told.map(({ content }) => content).filter((content) => content.startsWith(prefix));
      expect(theirs).toEqual(Array.from({ length: 50 }, (_, i) => `${prefix}${i}`));
    }
    await Promise.all([ann.close(), bob.close()]);
  });

  test("who types, who comes and what was received is told on the other", async () => {
    const ann = await connect(one, { user: "sig-ann" });
    const conversation = await openConversation(ann, ["sig-bob"]);
    const bob = await connect(two, { user: "sig-bob" });
    await ann.until(
      ({ event, payload }) => event === "presence.changed" && payload.user_id === "sig-bob",
      "presence",
    );
    bob.send("typing", { conversation_id: conversation, typing: true });
    await ann.until(({ event, payload }) => event === "typing" && payload.typing === true, "typing");
    await ann.until(({ event, payload }) => event === "typing" && payload.typing === false, "its end");
    const { seq } = await say(ann, conversation, "hello");
    await ann.until(
      ({ event, payload }) =>
        event === "receipt" && payload.user_id === "sig-bob" && payload.delivered_seq === seq,
      "delivery",
    );
    await Promise.all([ann.close(), bob.close()]);
  });

  test("20 racing retries of one message over both store one", async () => {
    const clients = await Promise.all(
      Array.from({ length: 20 }, (_, i) => connect(i % 2 === 0 ? one : two, { user: "race" })),
    );
    const conversation = await openConversation(clients[0] as (typeof clients)[0], ["race-2"]);
    const acks = await Promise.all(
      clients.map((client) => say(client, conversation, "same", { message_id: "the-one" })),
    );
    expect(new Set(acks.map(({ id, seq }) => `${id} ${seq}`)).size).toBe(1);
    expect(acks.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    expect((await two.request(`/api/v1/chat/${conversation}`)).body.messages).toHaveLength(1);
    await Promise.all(clients.map((client) => client.close()));
  });

  test("who is let in on one hears on the other at once; who is removed hears that and nothing more", async () => {
    const [ann, bob] = [await person(one, "in-ann"), await person(one, "in-bob")];
    const group = await groupOf(ann, [bob]);
    const cid = await connect(two, { user: "in-cid" });
    await ann.post(`/conversations/${group}/participants`, { userIds: ["in-cid"] });
    await cid.until((frame) => frame.payload.added?.includes("in-cid"), "joining");
    const speaker = await connect(two, { user: "in-bob" });
    const conversation = cid.all("conversation.changed")[0].conversation_id;
    await say(speaker, conversation, "welcome");
    await cid.until(says("welcome"), "welcome");
    await ann.delete(`/conversations/${group}/participants/in-cid`);
    // On the same process as the one removed, after the removal was acknowledged on the other.
    const sent = await Promise.all(
      Array.from({ length: 20 }, (_, i) => say(speaker, conversation, `CANARY ${i}`)),
    );
    await cid.until((frame) => frame.payload.removed?.includes("in-cid"), "removal");
    await speaker.until((frame) => frame.payload.removed?.includes("in-cid"), "removal");
    await cid.ask("ping");
    expect(sent).toHaveLength(20);
    expect(JSON.stringify(cid.frames)).not.toContain("CANARY");
    expect(
      (await cid.ask("message.send", { conversation_id: conversation, content: "x" })).payload.code,
    ).toBe("not_participant");
    await Promise.all([cid.close(), speaker.close()]);
  });

  test("settings and names changed on one count on the other at once", async () => {
    const ann = await person(one, "set-ann");
    const bob = await person(two, "set-bob");
    const group = await groupOf(ann, [bob]);
    const path = `/conversations/${group}/messages`;
    const { body } = await bob.post(path, { content: "first" });
    const react = (emoji: string) => bob.post(`/messages/${body.data.id}/reactions`, { emoji });
    expect((await react("👍")).status).toBeLessThan(300);
    await ann.put(`/conversations/${group}`, { allowReactions: false });
    await expect.poll(async () => (await react("🎉")).status, { timeout: 1_000 }).toBe(403);

    const listener = await connect(two, { user: "set-bob" });
    const speaker = await connect(two, { user: "set-ann" });
    const conversation = (await two.request("/api/v1/chats/set-bob")).body.chats[0].conversation_id;
    await say(speaker, conversation, "as I was");
    await ann.put("/users/me", { name: "Ann the Second" });
    await expect
      .poll(
        async () => {
          const { seq } = await say(speaker, conversation, "as I am");
          return (await listener.until((frame) => frame.payload.seq === seq, "it")).payload.sender_name;
        },
        { timeout: 1_000 },
      )
      .toBe("Ann the Second");
    await Promise.all([listener.close(), speaker.close()]);
  });

  test("workers of one machine are processes like any other", async () => {
    const crew = await scene.start({ SWEEP_SECONDS, REDIS_URL: redis.url, WORKERS: "2" });
    const speaker = await connect(one, { user: "crew-ann" });
    const conversation = await openConversation(speaker, ["crew-bob"]);
    const listeners = await Promise.all(Array.from({ length: 4 }, () => connect(crew, { user: "crew-bob" })));
    for (let i = 0; i < 10; i++) await say(speaker, conversation, String(i));
    for (const listener of listeners) {
      await listener.until(says("9"), "the last");
      const contents = listener.all("message.receive").map(({ content }) => content);
      expect(contents).toEqual(Array.from({ length: 10 }, (_, i) => String(i)));
    }
    await Promise.all([speaker, ...listeners].map((client) => client.close()));
    expect(await crew.stop()).toMatchObject({ code: 0 });
  });

  test("without Redis messages are a sweep late; when it is back they are not", async () => {
    const env = { SWEEP_SECONDS: "1", REDIS_URL: redis.url };
    const [left, right] = await Promise.all([scene.start(env), scene.start(env)]);
    const ann = await connect(left, { user: "gone-ann" });
    const bob = await connect(right, { user: "gone-bob" });
    const conversation = await openConversation(ann, ["gone-bob"]);
    await say(ann, conversation, "before");
    await bob.until(says("before"), "before");
    await redis.kill();
    await say(ann, conversation, "meanwhile");
    await bob.until(says("meanwhile"), "meanwhile");
    const newcomer = await connect(right, { user: "gone-ann" });
    await say(newcomer, conversation, "from the other side");
    await ann.until(says("from the other side"), "the other side");
    const ready = await left.request("/ready");
    expect(ready.status).toBe(200);
    await expect
      .poll(async () => (await left.request("/ready")).body.bus, { timeout: 10_000 })
      .not.toBe("ok");
    await redis.start();
    await expect.poll(async () => (await left.request("/ready")).body.bus, { timeout: 10_000 }).toBe("ok");
    await say(ann, conversation, "after");
    await bob.until(says("after"), "after");
    const contents = bob.all("message.receive").map(({ content }) => content);
    expect(contents).toEqual(["before", "meanwhile", "from the other side", "after"]);
    await Promise.all([ann, bob, newcomer].map((client) => client.close()));
    await Promise.all([left.stop(), right.stop()]);
  });
});

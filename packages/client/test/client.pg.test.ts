import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openScene, type Scene, type ServerProcess } from "../../server/test/support/server.ts";
import { Client, type ClientOptions, type Events } from "../src/client.ts";

let scene: Scene;
let server: ServerProcess;
beforeAll(async () => {
  scene = await openScene("client");
  server = await scene.start();
});
afterAll(() => scene.close());

const clients: Client[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

function connect(user: string, options: Partial<ClientOptions> = {}): Client {
  const url = `${server.url.replace("http", "ws")}/ws`;
  const client = new Client({ url, user, retryDelay: () => 50, ...options });
  clients.push(client);
  return client;
}

function next<N extends keyof Events>(client: Client, event: N): Promise<Events[N]> {
  return new Promise((resolve) => {
    const off = client.on(event, (payload) => {
      off();
      resolve(payload);
    });
  });
}

function collect<N extends keyof Events>(client: Client, event: N): Events[N][] {
  const all: Events[N][] = [];
  client.on(event, (payload) => all.push(payload));
  return all;
}

async function pair(name: string) {
  const [alice, bob] = [connect(`${name}-a`), connect(`${name}-b`)];
  await Promise.all([next(alice, "connected"), next(bob, "connected")]);
  const heard = next(bob, "conversation.changed");
  const { conversation_id } = await alice.open([`${name}-b`]);
  await heard;
  return { alice, bob, conversation: conversation_id };
}

describe("connected", () => {
  test("what one sends is acknowledged and the other receives it", async () => {
    const { alice, bob, conversation } = await pair("plain");
    const received = next(bob, "message.receive");
    const ack = await alice.send(conversation, "Hello, Bob", { message_id: "hello-1" });
    expect(ack).toMatchObject({ message_id: "hello-1", duplicate: false });
    expect(await received).toMatchObject({ content: "Hello, Bob", id: ack.id, seq: ack.seq });

    expect(await alice.send(conversation, "Hello, Bob", { message_id: "hello-1" })).toMatchObject({
      id: ack.id,
      duplicate: true,
    });
    const typing = next(alice, "typing");
    bob.typing(conversation);
    expect(await typing).toMatchObject({ user_id: "plain-b", typing: true });
  });

  test("a refusal rejects with its code", async () => {
    const { alice, conversation } = await pair("refusal");
    const [strange, reused] = [
      alice.send("conv_abc123", "Anybody?"),
      alice.send(conversation, "a", { message_id: "k" }),
    ];
    await expect(strange).rejects.toMatchObject({ code: "not_participant" });
    await reused;
    await expect(alice.send(conversation, "b", { message_id: "k" })).rejects.toMatchObject({
      code: "key_reused",
    });
  });

  test("a token that is not one ends it for good", async () => {
    const client = connect("nobody", { token: () => "not.a.token" });
    const waiting = client.send("conv_1c", "too early");
    const ended = next(client, "disconnected");
    await expect(waiting).rejects.toMatchObject({ code: "disconnected" });
    expect(await ended).toMatchObject({ code: 4001, retryMs: null });
    await expect(client.send("conv_1c", "too late")).rejects.toMatchObject({ code: "disconnected" });
  });

  test("a token that can be had is used", async () => {
    const mint = () => server.request("/api/dev/token", { body: { user: "minted", name: "Min Ted" } });
    const client = connect("minted", { token: async () => (await mint()).body.token });
    expect(await next(client, "ready")).toMatchObject({ user_id: "minted" });
  });
});

describe("away", () => {
  test("a later run goes on from where an earlier one was", async () => {
    const { alice, bob, conversation } = await pair("later");
    const one = Promise.withResolvers<void>();
    // The position that covers a message comes right behind it.
    bob.on("message.receive", () => bob.on("position", () => one.resolve()));
    await alice.send(conversation, "one");
    await one.promise;
    bob.close();
    const { position } = bob;
    await alice.send(conversation, "two");
    await alice.send(conversation, "three");

    const again = connect("later-b", position === null ? {} : { position });
    const received = collect(again, "message.receive");
    await next(again, "connected");
    expect(received.map(({ content }) => content)).toEqual(["two", "three"]);
  });

  test("a position that is none is said to be none", async () => {
    const client = connect("lost", { position: "somewhere" });
    const reset = next(client, "reset");
    await next(client, "connected");
    expect(await reset).toEqual({ reason: "invalid_position" });
  });

  test("through the server's death: everything stored once, everything heard, in order", async () => {
    const port = new URL(server.url).port;
    const { alice, bob, conversation } = await pair("death");
    const received = collect(bob, "message.receive");
    const sends = [];
    for (let i = 0; i < 50; i++) sends.push(alice.send(conversation, `before ${i}`));
    await sends[10];

    const returned = Promise.all(
      [alice, bob].map((client) => next(client, "disconnected").then(() => next(client, "connected"))),
    );
    await server.stop("SIGKILL");
    for (let i = 0; i < 50; i++) sends.push(alice.send(conversation, `during ${i}`));
    await expect(alice.request("ping", {})).rejects.toMatchObject({ code: "disconnected" });
    server = await scene.start({ PORT: port });
    await returned;

    const acks = await Promise.all(sends);
    expect(new Set(acks.map(({ seq }) => seq)).size).toBe(100);
    await expect.poll(() => new Set(received.map(({ id }) => id)).size).toBe(100);
    const history = await server.request(`/api/v1/chat/${conversation}?limit=100&user_id=death-a`);
    expect(history.body.next_cursor).toBeNull();
    const stored = history.body.messages.map((message: { id: string }) => message.id).reverse();
    expect(stored).toHaveLength(100);
    expect([...new Set(received.map(({ id }) => id))]).toEqual(stored);
  });
});

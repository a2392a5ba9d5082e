import { SignJWT } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { withClient } from "../../server/test/support/postgres.ts";
import { openScene, type Scene, type ServerProcess } from "../../server/test/support/server.ts";
import { Client, ClientError, type ClientStorage, type Message, memoryStorage } from "../src/client.ts";
import { keepState } from "../src/offline.ts";
import { type Cutter, openCutter } from "./support/cutter.ts";
import { live, nextEvent, pair, person, stopClients, when } from "./support/people.ts";

let scene: Scene;
let server: ServerProcess;
let cutter: Cutter;
beforeAll(async () => {
  scene = await openScene("client_trouble");
  server = await scene.start();
  cutter = await openCutter(() => server.url);
});
afterAll(async () => {
  await cutter.close();
  await scene.close();
});
afterEach(() => {
  stopClients();
  cutter.down(false);
});

/** Two people of whom the first is behind the cutter. */
async function apart(name: string, storage: ClientStorage = memoryStorage()) {
  const alice = person(cutter, `${name}-a`, { storage });
  const bob = person(server, `${name}-b`);
  await Promise.all([live(alice), live(bob)]);
  const { id } = await alice.conversations.createGroup([`${name}-b`], { name });
  await when(bob, `conversation:${id}`, (conversation) => conversation !== null);
  await Promise.all([alice.history.open(id), bob.history.open(id)]);
  return { alice, bob, id, storage };
}

const lost = (client: Parameters<typeof live>[0]) =>
  when(client, "connection", ({ status }) => status !== "live");

describe("offline", () => {
  test("what is written shows, survives a reload, and goes out once, in order", async () => {
    const { alice, bob, id, storage } = await apart("reload");
    cutter.down(true);
    await lost(alice);
    for (const content of ["one", "two", "three"]) void alice.messages.send(id, content);
    await when(alice, "connection", ({ queued }) => queued === 3);
    expect(alice.get(`timeline:${id}`).messages.map(({ content, state }) => [content, state])).toEqual([
      ["one", "sending"],
      ["two", "sending"],
      ["three", "sending"],
    ]);
    const keys = alice.get(`timeline:${id}`).messages.map(({ key }) => key);
    alice.stop();

    const again = person(cutter, "reload-a", { storage });
    await when(again, "connection", ({ queued }) => queued === 3);
    void again.messages.send(id, "four");
    expect(
      again
        .get(`timeline:${id}`)
        .messages.map(({ key }) => key)
        .slice(0, 3),
    ).toEqual(keys);
    cutter.down(false);
    await when(again, "connection", ({ queued }) => queued === 0);
    await again.history.open(id);
    const heard = await when(bob, `timeline:${id}`, ({ messages }) => messages.length === 4);
    expect(heard.messages.map(({ content }) => content)).toEqual(["one", "two", "three", "four"]);
    const own = again.get(`timeline:${id}`).messages;
    expect(own.map(({ key }) => key).slice(0, 3)).toEqual(keys);
    expect(own.map(idOf)).toEqual(heard.messages.map(idOf));
    expect(await storage.list("")).toEqual([]);
  });

  test("a later run shows what an earlier one has shown, and catches up when it can", async () => {
    const { alice, bob, id } = await apart("kept");
    const kept = memoryStorage();
    const stop = await keepState(alice, kept, "kept-a");
    await bob.messages.send(id, "one");
    await when(alice, `conversation:${id}`, (conversation) => conversation?.unread === 1);
    alice.stop();
    stop();
    await bob.messages.send(id, "two");
    cutter.down(true);

    const again = new Client({ url: cutter.url, user: "kept-a", retryDelay: () => 50 });
    await keepState(again, kept, "kept-a");
    again.start();
    const unwatch = again.subscribe(`timeline:${id}`, () => {});
    expect(again.get("inbox")).toMatchObject({ ids: [id], unread: 1 });
    expect(again.get(`timeline:${id}`).messages.map(({ content }) => content)).toEqual(["one"]);
    void again.messages.send(id, "three");
    cutter.down(false);
    const { messages } = await when(
      again,
      `timeline:${id}`,
      (timeline) => timeline.messages.length === 3 && timeline.messages[2]?.state === "stored",
    );
    expect(messages.map(({ content }) => content)).toEqual(["one", "two", "three"]);
    await when(again, "inbox", ({ unread }) => unread === 2);
    unwatch();
    again.stop();

    const other = new Client({ url: cutter.url, user: "kept-b" });
    await keepState(other, kept, "kept-a");
    expect(other.get("inbox").ids).toEqual([]);
  });

  test("what was missed is there on return, with counts, and is known to be of the past", async () => {
    const { alice, bob, id } = await apart("missed");
    cutter.down(true);
    await lost(alice);
    const message = await bob.messages.send(id, "teh @[missed-a]");
    await bob.messages.edit(message, "the @[missed-a]");
    await bob.messages.send(id, "another");
    const told = nextEvent(alice, "message");
    cutter.down(false);
    expect(await told).toMatchObject({ isLive: false, message: { content: "the @[missed-a]" } });
    await live(alice);
    expect(alice.get(`timeline:${id}`).messages.map(({ content }) => content)).toEqual([
      "the @[missed-a]",
      "another",
    ]);
    expect(alice.get(`conversation:${id}`)).toMatchObject({ unread: 2, unreadMentions: 1 });
  });

  test("who has left meanwhile is not here any more, and who types does not", async () => {
    const { alice, bob, id } = await apart("left");
    await when(alice, "presence:left-b", ({ status }) => status === "online");
    bob.conversations.typing(id);
    await when(alice, `typing:${id}`, (users) => users.length === 1);
    cutter.down(true);
    await lost(alice);
    expect(alice.get(`typing:${id}`)).toEqual([]);
    bob.stop();
    // Somebody else's word that the server knows it: it gives who comes back at once two seconds.
    const carol = person(server, "left-c");
    await live(carol);
    await carol.conversations.direct("left-b");
    await expect.poll(async () => (await carol.people.presence(["left-b"]))[0]?.status).toBe("offline");
    cutter.down(false);
    await when(alice, "presence:left-b", ({ status }) => status === "offline");
  });

  test("what was read is told on return", async () => {
    const { alice, bob, id } = await apart("read");
    await bob.messages.send(id, "read me");
    await when(alice, `conversation:${id}`, (conversation) => conversation?.unread === 1);
    cutter.down(true);
    await lost(alice);
    alice.conversations.markRead(id);
    expect(alice.get("inbox").unread).toBe(0);
    cutter.down(false);
    await when(
      bob,
      `conversation:${id}`,
      (conversation) => (conversation?.marks["read-a"]?.readSeq ?? 0) > 1,
    );
    await live(alice);
    expect(alice.get("inbox").unread).toBe(0);
  });

  test("a message that the server refuses fails, and can be sent again or discarded", async () => {
    const { alice, bob, id, storage } = await apart("refused");
    cutter.down(true);
    await lost(alice);
    const sending = alice.messages.send(id, "too late");
    await when(alice, "connection", ({ queued }) => queued === 1);
    await bob.messages.send(id, "x");
    await server.request(
      `/api/chat/conversations/${id}/participants/refused-b?token=${await tokenOf("refused-a")}`,
      {
        method: "PUT",
        body: { role: "OWNER" },
      },
    );
    await bob.conversations.removeParticipant(id, "refused-a");
    const failed = nextEvent(alice, "message.failed");
    cutter.down(false);
    const { message, error } = await failed;
    expect(error).toMatchObject({ code: "not_participant" });
    expect(message).toMatchObject({ state: "failed", error: { code: "not_participant" } });
    expect(await storage.list("")).toHaveLength(1);

    const failedAgain = nextEvent(alice, "message.failed");
    alice.messages.retry(message.key);
    await failedAgain;
    alice.messages.discard(message.key);
    await expect(sending).rejects.toMatchObject({ code: "discarded" });
    expect(alice.get("connection").queued).toBe(0);
    expect(await storage.list("")).toEqual([]);
  });

  test("a key that was used for something else fails, and is replaced when it is sent again", async () => {
    const { alice, id } = await apart("reused");
    await alice.messages.send(id, { content: "first", key: "taken" });
    const failed = nextEvent(alice, "message.failed");
    const sending = alice.messages.send(id, { content: "second", key: "taken" });
    expect(await failed).toMatchObject({ error: { code: "key_reused" } });
    alice.messages.retry("taken");
    expect(await sending).toMatchObject({ state: "stored", content: "second" });
    expect(alice.get(`timeline:${id}`).messages.map(({ content }) => content)).toEqual(["first", "second"]);
  });

  test("where the storage is full messages go out all the same, and it is said once", async () => {
    const full: ClientStorage = {
      ...memoryStorage(),
      set() {
        throw new DOMException("The quota has been exceeded", "QuotaExceededError");
      },
    };
    const { alice, bob, id } = await apart("quota", full);
    const errors: unknown[] = [];
    alice.on("storage", ({ error }) => errors.push(error));
    await alice.messages.send(id, "one");
    cutter.down(true);
    await lost(alice);
    void alice.messages.send(id, "two");
    cutter.down(false);
    await when(bob, `timeline:${id}`, ({ messages }) => messages.length === 2);
    expect(errors).toMatchObject([{ name: "QuotaExceededError" }]);
  });

  test("nothing is sent that is nothing", async () => {
    const { alice, id } = await apart("nothing");
    await expect(alice.messages.send(id, "  ")).rejects.toMatchObject({ code: "invalid" });
    expect(alice.get(`timeline:${id}`).messages).toEqual([]);
  });
});

const idOf = ({ id }: Message): string => id;
const tokenOf = async (user: string): Promise<string> =>
  (await server.request("/api/dev/token", { body: { user } })).body.token;

describe("a clock that is wrong", () => {
  afterEach(() => vi.restoreAllMocks());

  test("orders nothing, and is corrected once the server has said what time it is", async () => {
    const { alice, bob, id } = await apart("skew");
    const real = Date.now.bind(Date);
    const HOUR = 3_600_000;
    vi.spyOn(Date, "now").mockImplementation(() => real() + HOUR);
    await alice.messages.send(id, "from the future");
    await bob.messages.send(id, "from the present");
    const { messages } = await when(alice, `timeline:${id}`, (timeline) => timeline.messages.length === 2);
    expect(messages.map(({ content }) => content)).toEqual(["from the future", "from the present"]);
    expect(Math.abs(alice.get("connection").clockOffsetMs + HOUR)).toBeLessThan(60_000);
    cutter.down(true);
    await lost(alice);
    void alice.messages.send(id, "later");
    const [, , later] = alice.get(`timeline:${id}`).messages;
    expect(Math.abs((later?.createdAt ?? 0) - real())).toBeLessThan(60_000);
  });
});

describe("tokens", () => {
  const SECRET = "a secret of more than thirty-two characters, for tests";
  const key = new TextEncoder().encode(SECRET);
  const mint = (user: string, seconds: number): Promise<string> =>
    new SignJWT({ name: user })
      .setProtectedHeader({ alg: "HS256" })
      .setSubject(user)
      .setIssuedAt()
      .setExpirationTime(Math.floor(Date.now() / 1_000) + seconds)
      .sign(key);
  let strict: ServerProcess;
  beforeAll(async () => {
    strict = await scene.start({ JWT_SECRET: SECRET });
  });

  test("one that is no token ends it, and says why", async () => {
    const client = person(strict, "", { token: () => "not.a.token" });
    const { status, reason } = await when(
      client,
      "connection",
      (connection) => connection.status === "ended",
    );
    expect(status).toBe("ended");
    expect(reason?.message).toMatch(/token/);
    await expect(client.conversations.load("conv_1c")).rejects.toMatchObject({ code: "unauthenticated" });
  });

  test("one that has ended is replaced, over the socket and over REST", async () => {
    const asked: (string | null)[] = [];
    const token = async (refused: string | null) => {
      asked.push(refused);
      return await mint("late", refused === null ? -60 : 60);
    };
    const client = person(strict, "", { token });
    await live(client);
    expect(client.get("me")).toMatchObject({ userId: "late", name: "late" });
    expect(asked).toHaveLength(2);
    const rest = person(strict, "", { token });
    rest.stop();
    expect(await rest.people.find("late")).toMatchObject({ items: [{ userId: "late" }] });
  });

  test("one that is about to end is renewed, and the connection goes on", async () => {
    let asked = 0;
    const client = person(strict, "", { token: () => mint("renewed", ++asked === 1 ? 3 : 600) });
    await live(client);
    const statuses: string[] = [];
    client.on("connection", ({ status }) => statuses.push(status));
    await expect.poll(() => asked, { timeout: 10_000 }).toBe(2);
    // The server looks for tokens that have ended every four seconds.
    await new Promise((resolve) => setTimeout(resolve, 5_500));
    expect(client.get("connection").status).toBe("live");
    expect(statuses).toEqual([]);
  });

  test("who is signed out is so for good, until started again", async () => {
    let isSignedIn = false;
    const client = person(strict, "", { token: async () => (isSignedIn ? await mint("again", 60) : null) });
    await when(client, "connection", ({ status }) => status === "ended");
    isSignedIn = true;
    client.start();
    await live(client);
  });

  test("a token function that fails is asked again", async () => {
    let asked = 0;
    const client = person(strict, "", {
      token: async () => {
        if (++asked < 3) throw new Error("the network is away");
        return await mint("patient", 60);
      },
    });
    await live(client);
    expect(asked).toBe(3);
  });
});

describe("closed by the server", () => {
  test("4009, too many connections: for good", async () => {
    const narrow = await scene.start({ MAX_CONNECTIONS_PER_USER: "1" });
    const first = person(narrow, "many");
    await live(first);
    const second = person(narrow, "many");
    const { reason } = await when(second, "connection", ({ status }) => status === "ended");
    expect(reason).toMatchObject({ code: 4009 });
    expect(first.get("connection").status).toBe("live");
    await narrow.stop();
  });

  test("4029, too many frames: comes back, later, and sends what was left", async () => {
    const slow = await scene.start({ MAX_FRAMES_PER_SECOND: "10" });
    const alice = person(slow, "fast-a");
    await live(alice);
    // Of so many, more than ten fall into one second even where another begins in the middle of them.
    const groups = await Promise.all(
      Array.from({ length: 40 }, (_, i) => alice.conversations.createGroup(["fast-b"], { name: `${i}` })),
    );
    const waiting = when(alice, "connection", ({ status }) => status === "waiting");
    const sent = Promise.all(groups.map(({ id }) => alice.messages.send(id, "quick")));
    const { reason, retryAt } = await waiting;
    expect(reason).toMatchObject({ code: 4029 });
    expect(retryAt).toBeGreaterThan(Date.now() + 1_000);
    await sent;
    await slow.stop();
  });

  test("4008, too slow: comes back and misses nothing", async () => {
    const strict = await scene.start({ MAX_SEND_QUEUE_BYTES: "1MiB" });
    const between = await openCutter(() => strict.url);
    const alice = person(strict, "slow-a");
    const bob = person(between, "slow-b");
    await Promise.all([live(alice), live(bob)]);
    const { id } = await alice.conversations.direct("slow-b");
    await bob.history.open(id);
    const waiting = when(bob, "connection", ({ status }) => status === "waiting");
    between.stall(true);
    const text = "🙂".repeat(9_900);
    let n = 0;
    // The network's own buffers hold some megabytes too.
    for (
      const metrics = () => strict.request("/metrics");
      !/="slow_consumer"[^}]*} [1-9]/.test((await metrics()).body);
    ) {
      const some = Array.from({ length: 20 }, () => alice.messages.send(id, `${n++} ${text}`));
      await Promise.all(some);
    }
    between.stall(false);
    expect(await waiting).toMatchObject({ reason: { code: 4008 } });
    await live(bob);
    const { messages } = await when(bob, `timeline:${id}`, (timeline) => timeline.messages.length === n);
    expect(messages.map(({ content }) => Number.parseInt(content, 10))).toEqual(
      Array.from({ length: n }, (_, i) => i),
    );
    await between.close();
    await strict.stop();
  }, 90_000);

  test("1012, a restart: comes back and goes on", async () => {
    let restarted = await scene.start();
    const port = new URL(restarted.url).port;
    const { alice, bob, id } = await pair(restarted, "restart");
    const waiting = when(alice, "connection", ({ status }) => status === "waiting");
    await restarted.stop();
    expect(await waiting).toMatchObject({ reason: { code: 1012 } });
    const sending = alice.messages.send(id, "meanwhile");
    restarted = await scene.start({ PORT: port });
    await sending;
    await when(bob, `timeline:${id}`, ({ messages }) => messages.at(-1)?.content === "meanwhile");
    await restarted.stop();
  });
});

test("after a failover that lost what was stored, everything is loaded again", async () => {
  const { alice, bob, id } = await apart("epoch");
  for (let i = 0; i < 5; i++) await bob.messages.send(id, `lost ${i}`);
  await when(alice, `timeline:${id}`, ({ messages }) => messages.length === 5);
  cutter.down(true);
  await lost(alice);
  bob.stop();
  const unwatch = alice.subscribe(`timeline:${id}`, () => {});
  await server.stop();
  await withClient(scene.database.connection, async (client) => {
    const number = Number.parseInt(id.replace("conv_", ""), 10);
    await client.query("delete from messages where conversation_id = $1", [number]);
    await client.query("update conversations set clock = 1, last_seq = 0, last_n = 0 where id = $1", [
      number,
    ]);
    await client.query("update instance set epoch = md5(random()::text)");
  });
  server = await scene.start();
  const reset = nextEvent(alice, "reset");
  cutter.down(false);
  expect(await reset).toMatchObject({ reason: "epoch_changed" });
  await when(alice, `timeline:${id}`, ({ status, messages }) => status === "ready" && messages.length === 0);
  const again = person(server, "epoch-b");
  await live(again);
  const message = await again.messages.send(id, "in the new life");
  await when(alice, `timeline:${id}`, ({ messages }) => messages.at(-1)?.id === message.id);
  expect(alice.get(`timeline:${id}`).messages).toHaveLength(1);
  unwatch();
});

test("what only the server can do rejects where there is none", async () => {
  const { alice, id } = await apart("away");
  cutter.down(true);
  await lost(alice);
  const aborted = new AbortController();
  aborted.abort();
  await expect(alice.files.upload(new Blob(["x"]), { signal: aborted.signal })).rejects.toBeInstanceOf(
    ClientError,
  );
  await expect(alice.messages.search("x", { conversationId: id })).rejects.toMatchObject({ code: "network" });
}, 40_000);

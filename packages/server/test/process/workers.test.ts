import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { Client } from "@stomp/stompjs";
import SockJS from "sockjs-client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { open } from "../socketio/client.ts";
import { get } from "../stomp/support/sockjs-http.ts";
import { checkHistory, readHistory, type Send } from "../support/history.ts";
import { roam, sendAll } from "../support/roaming.ts";
import {
  isRunning,
  openScene,
  postgresPid,
  type Scene,
  type ServerProcess,
  scratchDirectory,
  startServer,
} from "../support/server.ts";
import { connect, openConversation, say } from "../support/socket.ts";

let scene: Scene;
let server: ServerProcess;
beforeAll(async () => {
  scene = await openScene("workers");
  // A sweep finds nothing in time: what is heard was told.
  server = await scene.start({ WORKERS: "2", SWEEP_SECONDS: "60", RATE_LIMIT_REACTIONS: "5" });
});
afterAll(() => scene.close());

function childrenOf(pid: number): number[] {
  try {
    return execFileSync("pgrep", ["-P", String(pid)], { encoding: "utf8" })
      .trim()
      .split("\n")
      .map(Number);
  } catch {
    // It exits with 1 where there are none.
    return [];
  }
}

/** Who answers, each on a connection of its own. */
async function processes(): Promise<ReadonlySet<string>> {
  const answers = await Promise.all(
    Array.from({ length: 6 }, () => get(`${server.url}/health`).catch(() => null)),
  );
  return new Set(answers.flatMap((answer) => (answer === null ? [] : [JSON.parse(answer.body).process])));
}

test("both are on the port, and the metrics of both come from either", async () => {
  expect(childrenOf(server.pid)).toHaveLength(2);
  const names = await processes();
  expect(names.size).toBe(2);
  const { body, headers } = await server.request("/metrics");
  expect(headers.get("content-type")).toContain("text/plain");
  for (const name of names) expect(body).toContain(`parlance_sessions{process="${name}"} 0`);
  expect(body.match(/^# TYPE parlance_sessions gauge$/gm)).toHaveLength(1);
});

test("Socket.IO over polling finds its process with each request, and may go over to a WebSocket", async () => {
  const ways = [["polling"], ["polling", "websocket"]];
  for (const transports of ways) {
    const sockets = await Promise.all(
      Array.from({ length: 6 }, (_, i) =>
        open(server, `poll-${i}`, { transports, auth: { autojoin: true } }),
      ),
    );
    const conversation = (
      await server.request("/api/v1/chats", { body: { participants: ["poll-0", "poll-1"] } })
    ).body.conversation_id;
    const speaker = await connect(server, { user: "poll-0" });
    for (let i = 0; i < 10; i++) await say(speaker, conversation, `${transports.length} ${i}`);
    await expect
      .poll(() => sockets[1]?.all("new_message").map(({ content }) => content))
      .toEqual(Array.from({ length: 10 }, (_, i) => `${transports.length} ${i}`));
    if (transports.length === 2) {
      await expect
        .poll(() => sockets.map(({ socket }) => socket.io.engine.transport.name))
        .toEqual(Array(6).fill("websocket"));
    }
    await speaker.close();
    for (const socket of sockets) socket.close();
  }
});

test.each(["xhr-streaming", "xhr-polling", "eventsource", "websocket"] as const)(
  "SockJS over %s finds its process with each request",
  async (transport) => {
    const clients = await Promise.all(
      Array.from({ length: 4 }, async (_, i) => {
        const { body } = await server.request("/api/dev/token", { body: { user: `${transport}-${i}` } });
        const heard: string[] = [];
        const client = new Client({
          webSocketFactory: () =>
            new SockJS(`${server.url}/ws/chat`, null, { transports: transport }) as never,
          connectHeaders: { Authorization: `Bearer ${body.token}` },
          reconnectDelay: 0,
        });
        await new Promise<void>((resolve, reject) => {
          client.onConnect = () => resolve();
          client.onStompError = ({ headers }) => reject(new Error(headers.message));
          client.onWebSocketClose = () => reject(new Error("closed before it was connected"));
          client.activate();
        });
        const subscribed = new Promise<void>((resolve) => client.watchForReceipt("sub", () => resolve()));
        client.subscribe("/user/queue/chat/messages", (told) => heard.push(JSON.parse(told.body).content), {
          receipt: "sub",
        });
        await subscribed;
        return { client, heard };
      }),
    );
    const { body } = await server.request("/api/v1/chats", {
      body: { participants: clients.map((_, i) => `${transport}-${i}`), name: transport },
    });
    const speaker = await connect(server, { user: `${transport}-0` });
    for (let i = 0; i < 10; i++) await say(speaker, body.conversation_id, String(i));
    for (const { heard } of clients.slice(1)) {
      await expect.poll(() => heard).toEqual(Array.from({ length: 10 }, (_, i) => String(i)));
    }
    await speaker.close();
    await Promise.all(clients.map(({ client }) => client.deactivate()));
  },
);

test("20 racing retries over both store one message, and both count one rate limit", async () => {
  const clients = await Promise.all(Array.from({ length: 20 }, () => connect(server, { user: "race" })));
  const [first] = clients as [(typeof clients)[0]];
  const conversation = await openConversation(first, ["race-2"]);
  const acks = await Promise.all(
    clients.map((client) => say(client, conversation, "same", { message_id: "the-one" })),
  );
  expect(new Set(acks.map(({ id, seq }) => `${id} ${seq}`)).size).toBe(1);
  expect(acks.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
  const reactions = await Promise.all(
    clients.map((client, i) =>
      client.ask("reaction.add", {
        conversation_id: conversation,
        message_id: "the-one",
        emoji: i % 2 === 0 ? "👍" : "🎉",
      }),
    ),
  );
  expect(reactions.filter(({ payload }) => payload.code === "rate_limited")).toHaveLength(15);
  await Promise.all(clients.map((client) => client.close()));
});

test("a worker that is killed is replaced; its people come back and have missed nothing, those who do not are gone", async () => {
  const users = ["kill-ann", "kill-bob", "kill-cid"];
  const opener = await connect(server, { user: "kill-ann" });
  const groups = [
    await openConversation(opener, users, "Kill a"),
    await openConversation(opener, users, "Kill b"),
  ];
  await opener.close();
  const somewhere = () => server;
  const listeners = await Promise.all(["kill-bob", "kill-cid"].map((user) => roam(somewhere, user)));
  // On both workers, and without coming back.
  const visitors = await Promise.all(Array.from({ length: 4 }, () => connect(server, { user: "kill-dan" })));
  await openConversation(visitors[0] as (typeof visitors)[0], ["kill-cid"]);
  const watcher = await connect(server, { user: "kill-cid" });
  const sends: Send[] = Array.from({ length: 600 }, (_, i) => ({
    conversation: groups[i % 2] as string,
    key: `k${i}`,
    outcome: "unknown",
  }));
  const sending = sendAll(somewhere, "kill-ann", sends, 8);
  for (const victim of childrenOf(server.pid)) {
    await new Promise((resolve) => setTimeout(resolve, 300));
    process.kill(victim, "SIGKILL");
    await expect.poll(() => childrenOf(server.pid).filter((pid) => pid !== victim).length).toBe(2);
    await expect.poll(async () => (await processes()).size, { timeout: 20_000 }).toBe(2);
  }
  await sending;
  const histories = await Promise.all(groups.map((group) => readHistory(server, group)));
  const ends = new Map(groups.map((group, i) => [group, histories[i]?.at(-1)?.seq ?? 0]));
  await Promise.all(listeners.map((listener) => listener.until(ends)));
  await Promise.all(listeners.map((listener) => listener.stop()));
  const complete = listeners.map(({ seen }) => seen);
  expect(checkHistory({ sends, history: histories.flat(), complete, firstSeq: 2 })).toEqual([]);
  expect(histories.flat()).toHaveLength(600);

  await watcher.close();
  const { token } = (await server.request("/api/dev/token", { body: { user: "kill-cid" } })).body;
  const headers = { authorization: `Bearer ${token}` };
  await expect
    .poll(async () => (await server.request("/api/chat/presence/kill-dan", { headers })).body.data.status, {
      timeout: 10_000,
    })
    .toBe("OFFLINE");
}, 90_000);

test("over the embedded PostgreSQL: they stop together, and end with the one that made them", async () => {
  const dataDir = scratchDirectory();
  try {
    const first = await startServer({ DATA_DIR: dataDir, WORKERS: "2" });
    const ann = await connect(first, { user: "emb-ann" });
    const bob = await connect(first, { user: "emb-bob" });
    const conversation = await openConversation(ann, ["emb-bob"]);
    await say(ann, conversation, "hello");
    await bob.until((frame) => frame.payload.content === "hello", "hello");
    expect(await first.stop()).toMatchObject({ code: 0 });
    expect(await ann.closed).toMatchObject({ code: 1012 });
    expect(await bob.closed).toMatchObject({ code: 1012 });

    const second = await startServer({ DATA_DIR: dataDir, WORKERS: "2" });
    const pids = [...childrenOf(second.pid), postgresPid(dataDir)];
    expect((await second.request(`/api/v1/chat/${conversation}`)).body.messages).toHaveLength(1);
    await second.stop("SIGKILL");
    await expect.poll(() => pids.filter(isRunning), { timeout: 20_000 }).toEqual([]);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}, 60_000);

import { setTimeout as sleep } from "node:timers/promises";
import { Client, type IMessage, type StompSubscription, Versions } from "@stomp/stompjs";
import SockJS from "sockjs-client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import webstomp from "webstomp-client";
import { WebSocket } from "ws";
import { openStompScene, type StompScene } from "./support/listener.ts";

/** The public clients, as the pages that use them do. */

const TRANSPORTS = ["websocket", "xhr-streaming", "xhr-polling", "eventsource"] as const;
const NASTY = [
  "plain",
  "é😀👩‍👩‍👧‍👦",
  '"\\/\b\f\n\r\t',
  "50% off %20 %zz",
  "\u2028\u2029\u200c\ufeff\uffff",
  " spaces ",
  "a\0b",
  "x".repeat(60_000),
];

let scene: StompScene;
beforeAll(async () => {
  scene = await openStompScene({
    sockjs: { disconnectMs: 2_000, heartbeatMs: 1_000 },
    session: { heartBeatMs: 1_000 },
  });
});
afterAll(() => scene.close());

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 1_500; i++) {
    if (condition()) return;
    await sleep(10);
  }
  throw new Error(`never: ${what}`);
}

describe.concurrent("sockjs-client", () => {
  test.each(TRANSPORTS)("%s gives back every text, in order", async (transport) => {
    const socket = new SockJS(`${scene.url}/echo`, null, { transports: transport });
    const got: string[] = [];
    const closed = new Promise<{ code: number; wasClean: boolean }>((resolve) => {
      socket.onclose = resolve;
    });
    await new Promise<void>((resolve, reject) => {
      socket.onopen = () => resolve();
      void closed.then(({ code }) => reject(new Error(`closed with ${code}`)));
    });
    expect((socket as unknown as { transport: string }).transport).toBe(transport);
    socket.onmessage = ({ data }) => got.push(data);
    for (const text of NASTY) socket.send(text);
    await until(() => got.length === NASTY.length, "all texts");
    expect(got).toEqual(NASTY);
    // Over the bytes of one response, and longer than the session lives without a receiver.
    for (let i = 0; i < 40; i++) socket.send(`${i}${"y".repeat(10_000)}`);
    await until(() => got.length === NASTY.length + 40, "many texts");
    await sleep(3_000);
    socket.send("later");
    await until(() => got.at(-1) === "later", "a text after silence");
    socket.close();
    await closed;
  });

  test.each(TRANSPORTS)("%s hears why it was closed", async (transport) => {
    const socket = new SockJS(`${scene.url}/close`, null, { transports: transport });
    const { code, reason, wasClean } = await new Promise<CloseEvent>((resolve) => {
      socket.onclose = (event) => resolve(event as CloseEvent);
    });
    expect([code, reason, wasClean]).toEqual([3000, "Go away!", true]);
  });

  test("falls back by itself where there is no WebSocket", async () => {
    const socket = new SockJS(`${scene.url}/disabled_websocket_echo`);
    await new Promise<void>((resolve) => {
      socket.onopen = () => resolve();
    });
    expect((socket as unknown as { transport: string }).transport).toBe("xhr-streaming");
    socket.close();
  });
});

/** A stompjs client that has connected. */
async function connect(options: ConstructorParameters<typeof Client>[0]): Promise<Client> {
  const client = new Client({
    reconnectDelay: 0,
    heartbeatIncoming: 1_000,
    heartbeatOutgoing: 1_000,
    ...options,
  });
  await new Promise<void>((resolve, reject) => {
    client.onConnect = () => resolve();
    client.onStompError = ({ headers }) => reject(new Error(headers.message));
    client.activate();
  });
  return client;
}

function subscribe(
  client: Client,
  destination: string,
): { got: IMessage[]; ready: Promise<void>; handle: StompSubscription } {
  const got: IMessage[] = [];
  const ready = new Promise<void>((resolve) => client.watchForReceipt(`r${destination}`, () => resolve()));
  const handle = client.subscribe(destination, (message) => got.push(message), {
    receipt: `r${destination}`,
  });
  return { got, ready, handle };
}

const overWebSocket = {
  webSocketFactory: () =>
    new WebSocket(`${scene.url.replace("http", "ws")}/ws-raw`, [
      "v12.stomp",
      "v11.stomp",
      "v10.stomp",
    ]) as unknown as globalThis.WebSocket,
};
const overSockJs = (transports: string) => ({
  webSocketFactory: () =>
    new SockJS(`${scene.url}/stomp?token=t`, null, { transports }) as unknown as globalThis.WebSocket,
});
const cases = [
  ["a WebSocket", () => overWebSocket],
  [
    "a WebSocket, in pieces",
    () => ({ ...overWebSocket, splitLargeFrames: true, maxWebSocketChunkSize: 1_024 }),
  ],
  ["a WebSocket, binary", () => ({ ...overWebSocket, forceBinaryWSFrames: true })],
  ...TRANSPORTS.map((name) => [`SockJS ${name}`, () => overSockJs(name)] as const),
] as const;

describe.concurrent("@stomp/stompjs", () => {
  test.each(cases)(
    "over %s: subscriptions, messages, receipts, heart-beats, goodbye",
    async (name, options) => {
      const client = await connect({ ...options(), connectHeaders: { login: name } });
      expect(client.connectedVersion).toBe("1.2");
      const topic = `/topic/${name.toLowerCase().replace(/[^a-z]/g, "")}-`;
      const one = subscribe(client, `${topic}one`);
      const two = subscribe(client, `${topic}two`);
      await Promise.all([one.ready, two.ready]);
      for (const [i, body] of NASTY.entries()) {
        client.publish({ destination: topic + (i % 2 ? "one" : "two"), body });
      }
      await until(() => one.got.length + two.got.length === NASTY.length, "all messages");
      expect(one.got.map(({ body }) => body)).toEqual(NASTY.filter((_, i) => i % 2));
      expect(two.got.map(({ body }) => body)).toEqual(NASTY.filter((_, i) => !(i % 2)));
      expect(two.got[0]?.headers).toMatchObject({ destination: `${topic}two`, subscription: "sub-1" });
      // Lives on heart-beats alone: either side would end it after a second of silence.
      await sleep(2_500);
      one.handle.unsubscribe();
      const stored = new Promise<void>((resolve) => client.watchForReceipt("stored", () => resolve()));
      client.publish({ destination: `${topic}two`, body: "last", headers: { receipt: "stored" } });
      await stored;
      await until(() => two.got.at(-1)?.body === "last", "the last message");
      const gone = new Promise<void>((resolve) => {
        client.onDisconnect = () => resolve();
      });
      await Promise.all([client.deactivate(), gone]);
      await until(() => scene.broker.log.includes(`${name} is gone`), "the end of the session");
    },
  );

  test.each(["1.0", "1.1", "1.2"])("in version %s", async (version) => {
    const destination = `/topic/version-${"abc"[Number(version.at(-1))]}`;
    const client = await connect({ ...overWebSocket, stompVersions: new Versions([version]) });
    expect(client.connectedVersion).toBe(version);
    const { got, ready } = subscribe(client, destination);
    await ready;
    client.publish({ destination, body: "hello" });
    await until(() => got.length === 1, "the message");
    expect(got[0]?.body).toBe("hello");
    await client.deactivate();
  });

  test.each(cases)("over %s: who is refused hears why", async (_, options) => {
    await expect(connect({ ...options(), connectHeaders: { login: "nobody" } })).rejects.toThrow(
      "The token is not valid",
    );
  });

  test.each(TRANSPORTS)("over SockJS %s: the server ends it, ERROR first", async (transport) => {
    const client = await connect({
      ...overSockJs(transport),
      connectHeaders: { login: `ended ${transport}` },
    });
    const error = new Promise<string | undefined>((resolve) => {
      client.onStompError = ({ headers }) => resolve(headers.message);
    });
    const closed = new Promise<number>((resolve) => {
      client.onWebSocketClose = ({ code }) => resolve(code);
    });
    for (const session of scene.broker.sessions)
      if (session.client?.name === `ended ${transport}`) session.end("restart");
    expect(await error).toBe("restart, come back and resume");
    expect(await closed).toBe(1012);
    await client.deactivate();
  });
});

/** One after another and without heart-beats: client and server are one process here, and would be late. */
describe("@stomp/stompjs under load", () => {
  test.each(TRANSPORTS)(
    "over SockJS %s: ten thousand messages, each once and in order",
    async (transport) => {
      const client = await connect({
        heartbeatIncoming: 0,
        heartbeatOutgoing: 0,
        ...overSockJs(transport),
        connectHeaders: { login: "many" },
      });
      const { got, ready } = subscribe(client, `/topic/flood-${transport}`);
      await ready;
      for (let i = 0; i < 10_000; i++) {
        scene.broker.publish(`/topic/flood-${transport}`, String(i), `message ${i}`);
        if (i % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      await until(() => got.length === 10_000, "all messages");
      expect(
        got.every(({ body, headers }, i) => body === `message ${i}` && headers["message-id"] === String(i)),
      ).toBe(true);
      await client.deactivate();
    },
  );
});

describe.concurrent("webstomp-client", () => {
  const ws = () => scene.url.replace("http", "ws");
  const opening: readonly (readonly [string, () => unknown])[] = [
    ["a WebSocket in 1.2", () => new WebSocket(`${ws()}/stomp/websocket`, ["v12.stomp"])],
    ["a WebSocket in 1.1", () => new WebSocket(`${ws()}/ws-raw`, ["v11.stomp"])],
    ...TRANSPORTS.map(
      (name) =>
        [`SockJS ${name}`, () => new SockJS(`${scene.url}/stomp`, null, { transports: name })] as const,
    ),
  ];
  test.each(opening)("over %s, long frames in pieces", async (name, open) => {
    const login = `web over ${name}`;
    const destination = `/topic/web-${name.toLowerCase().replace(/[^a-z]/g, "")}${name.endsWith("1.1") ? "-one" : ""}`;
    const client = webstomp.over(open() as globalThis.WebSocket, {
      debug: false,
      heartbeat: { incoming: 1_000, outgoing: 1_000 },
    });
    await new Promise<void>((resolve, reject) => {
      client.connect({ login }, () => resolve(), reject as () => void);
    });
    const got: string[] = [];
    const receipts: string[] = [];
    client.onreceipt = ({ headers }) => {
      receipts.push((headers as Record<string, string>)["receipt-id"] ?? "");
    };
    client.subscribe(destination, ({ body }) => got.push(body), { receipt: "s" });
    await until(() => receipts.length === 1, "the receipt");
    const texts = ["short", "é😀 %", "z".repeat(50_000)];
    for (const text of texts) client.send(destination, text, { receipt: "m" });
    await until(() => got.length === 3 && receipts.length === 4, "messages and receipts");
    expect(got).toEqual(texts);
    await sleep(3_000);
    expect(client.connected).toBe(true);
    client.disconnect();
    await until(() => scene.broker.log.includes(`${login} is gone`), "the end of the session");
  });
});

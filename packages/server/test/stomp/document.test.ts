import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "@stomp/stompjs";
import SockJS from "sockjs-client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import webstomp, { type Client as OldClient } from "webstomp-client";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { conversationOf, openLive, tokenOf } from "./support/live-client.ts";

/** The document's client over the public libraries, on the real server. */

let scene: Scene;
let server: ServerProcess;
beforeAll(async () => {
  scene = await openScene("stomp_document");
  server = await scene.start();
});
afterAll(() => scene.close());

// biome-ignore lint/suspicious/noExplicitAny: any shape may come
type Heard = { readonly destination: string; readonly body: any };

const TRANSPORTS = ["websocket", "xhr-streaming", "xhr-polling", "eventsource"] as const;

/** Makes the calls of the document's `ChatClient`, in its order; its log is kept instead of printed. */
class ChatClient {
  readonly heard: Heard[] = [];
  readonly connected: Promise<void>;
  readonly stompClient: OldClient;

  constructor(token: string, url: string, transports?: string) {
    const socket = new SockJS(url, null, transports === undefined ? {} : { transports });
    this.stompClient = webstomp.over(socket as unknown as WebSocket, { debug: false });
    this.connected = new Promise((resolve, reject) => {
      this.stompClient.connect(
        { Authorization: `Bearer ${token}` },
        () => {
          this.#onConnected();
          resolve();
        },
        (error) => reject(new Error(JSON.stringify(error))),
      );
    });
  }

  #onConnected(): void {
    for (const name of ["messages", "typing", "presence"]) {
      const destination = `/user/queue/chat/${name}`;
      this.stompClient.subscribe(destination, ({ body }) =>
        this.heard.push({ destination, body: JSON.parse(body) }),
      );
    }
    this.#send("presence", { online: true, deviceType: "web" });
  }

  sendMessage(conversationId: number, content: string, more: object = {}): void {
    this.#send("send", { conversationId, content, messageType: "TEXT", ...more });
  }

  startTyping(conversationId: number): void {
    this.#send("typing", { conversationId, typing: true });
  }

  stopTyping(conversationId: number): void {
    this.#send("typing", { conversationId, typing: false });
  }

  markAsRead(conversationId: number): void {
    this.#send("markRead", { conversationId });
  }

  addReaction(messageId: number, conversationId: number, emoji: string): void {
    this.#send("reaction", { messageId, conversationId, emoji, add: true });
  }

  disconnect(): void {
    this.stompClient.disconnect();
  }

  #send(name: string, body: object): void {
    this.stompClient.send(`/app/chat.${name}`, JSON.stringify(body), {});
  }

  async until(name: string, fits: (body: Heard["body"]) => boolean = () => true): Promise<Heard["body"]> {
    for (let i = 0; i < 1_500; i++) {
      const found = this.heard.find(({ destination, body }) => destination.endsWith(name) && fits(body));
      if (found !== undefined) return found.body;
      await sleep(10);
    }
    throw new Error(`never told: ${name}`);
  }
}

describe("the document's client", () => {
  test.each(TRANSPORTS)("over %s", async (transport) => {
    const people = [`1${transport.length}`, `two-${transport}`] as const;
    const conversation = await conversationOf(server, people);
    const [first, second] = [await tokenOf(server, people[0], "John Doe"), await tokenOf(server, people[1])];
    const john = new ChatClient(first, `${server.url}/ws/chat`, transport);
    await john.connected;
    const jane = new ChatClient(second, `${server.url}/ws/chat?token=${second}`, transport);
    await jane.connected;
    await john.until("presence", (body) => body.userId === people[1] && body.online);

    const text = 'Hello, "everyone"! \\ ünï 👍 \u2028 \u200d end';
    john.sendMessage(conversation, text, { tempId: 'temp-"1"\\' });
    const told = await jane.until("messages");
    expect(told).toMatchObject({
      conversationId: conversation,
      content: text,
      messageType: "TEXT",
      senderId: Number(people[0]),
      senderName: "John Doe",
    });
    expect(told.tempId).toBeUndefined();
    expect(await john.until("messages")).toEqual({ ...told, tempId: 'temp-"1"\\' });
    expect(JSON.stringify(told.createdAt)).toMatch(/Z"$/);

    john.startTyping(conversation);
    await jane.until("typing", (body) => body.typing && body.userId === Number(people[0]));
    john.stopTyping(conversation);
    await jane.until("typing", (body) => !body.typing);

    using watcher = await openLive(server, people[0]);
    await watcher.subscribe("reactions");
    await watcher.subscribe("receipts");
    jane.addReaction(told.id, conversation, "👍");
    expect((await watcher.until("reactions")).body).toMatchObject({ summary: { "👍": 1 }, added: true });
    jane.markAsRead(conversation);
    expect((await watcher.until("receipts")).body).toMatchObject({ lastReadMessageId: told.id });
    john.disconnect();
    jane.disconnect();
  });
});

test.each(TRANSPORTS)("stompjs over SockJS %s goes on from a position", async (transport) => {
  const user = `resumes-${transport}`;
  const conversation = await conversationOf(server, [user, "other"]);
  const token = await tokenOf(server, user);
  using other = await openLive(server, "other");
  const got: string[] = [];
  let position: string | undefined;

  const open = async (): Promise<Client> => {
    const client = new Client({
      reconnectDelay: 0,
      connectHeaders: { Authorization: `Bearer ${token}` },
      webSocketFactory: () => new SockJS(`${server.url}/ws/chat`, null, { transports: transport }),
    });
    await new Promise<void>((resolve, reject) => {
      client.onConnect = ({ headers }) => {
        position ??= headers.position;
        resolve();
      };
      client.onStompError = ({ headers }) => reject(new Error(headers.message));
      client.activate();
    });
    await new Promise<void>((resolve) => {
      client.watchForReceipt("ready", () => resolve());
      const headers = { receipt: "ready", since: position as string };
      client.subscribe(
        "/user/queue/chat/messages",
        ({ body, headers: told }) => {
          got.push(JSON.parse(body).content);
          position = told.position;
        },
        headers,
      );
    });
    return client;
  };
  const say = (content: string) => other.ask("send", { conversationId: conversation, content });

  const first = await open();
  await say("one");
  await expect.poll(() => got, { timeout: 15_000 }).toEqual(["one"]);
  first.forceDisconnect();
  await first.deactivate({ force: true });
  await say("two");
  await say("three");
  const second = await open();
  expect(got).toEqual(["one", "two", "three"]);
  await say("four");
  await expect.poll(() => got, { timeout: 15_000 }).toEqual(["one", "two", "three", "four"]);
  await second.deactivate();
});

import { compileFunction } from "node:vm";
import { Client, Stomp } from "@stomp/stompjs";
import SockJS from "sockjs-client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import webstomp from "webstomp-client";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { type Chat, chatClient, type Heard, talk } from "./support/chat-client.ts";
import { conversationOf, openLive, tokenOf } from "./support/live-client.ts";

/** The document's client over the public libraries, on the real server. */

let scene: Scene;
let server: ServerProcess;
beforeAll(async () => {
  scene = await openScene("stomp_document");
  server = await scene.start();
});
afterAll(() => scene.close());

const TRANSPORTS = ["websocket", "xhr-streaming", "xhr-polling", "eventsource"] as const;

/** What the document calls `Stomp`: one library takes a message's headers before its body, the other after it. */
const LIBRARIES = {
  // As a factory: it warns of anything else, though it takes it.
  stompjs: { over: (socket: WebSocket) => Stomp.over(() => socket) },
  webstomp: {
    over(socket: WebSocket) {
      const client = webstomp.over(socket, { debug: false });
      const send = client.send.bind(client);
      return Object.assign(client, {
        send: (to: string, headers: Record<string, string>, body: string) => send(to, body, headers),
      });
    },
  },
};

async function openChat(library: keyof typeof LIBRARIES, transports: string, token: string): Promise<Chat> {
  const heard: Heard[] = [];
  const code = `return (${chatClient(server.url)})(token, log)`;
  const run = compileFunction(code, ["SockJS", "Stomp", "token", "log"]);
  const OneTransport = new Proxy(SockJS, {
    construct: (target, [url]: [string]) => new target(url, null, { transports }),
  });
  const log = (word: string, body: unknown) => heard.push({ word, body });
  const chat = await run(OneTransport, LIBRARIES[library], token, log);
  return {
    heard,
    call: async (method, ...args) => chat[method](...args),
    close: async () => chat.disconnect(),
  };
}

describe.each(["stompjs", "webstomp"] as const)("the document's client with %s", (library) => {
  test.concurrent.each(TRANSPORTS)("over %s", async (transport) => {
    await talk(server, `${library}-${transport}`, (token) => openChat(library, transport, token));
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

import { Client, type IMessage } from "@stomp/stompjs";
import { WebSocket } from "ws";
import { Absence } from "./absence.ts";
import type { Heard, MatrixDialect } from "./client.ts";

/** The document's shape of a message. */
interface StompMessage {
  readonly id: number;
  readonly conversationId: number;
  readonly content: string | null;
  readonly senderId: number | string | null;
  readonly seq: number;
  readonly isDeleted: boolean;
}

const TOPICS = ["messages", "updates", "acks", "errors"] as const;
const destination = (topic: string): string => `/user/queue/chat/${topic}`;

export const stomp: MatrixDialect = {
  name: "stomp",
  listens: true,
  hearsItself: true,
  async connect(server, user) {
    const token = await tokenOf(server.url, user);
    const heard: Heard[] = [];
    /** Of each subscription by itself, where it stands. */
    const since = new Map<string, string>();
    const ids = new Map<string, number>();
    let error: string | null = null;
    let socket: WebSocket;
    /** Resolves when the connection there is now has ended: one listener for all that wait for it. */
    let ended: Promise<unknown>;
    let client: Client;
    const absence = new Absence();

    async function open(): Promise<void> {
      client = new Client({
        connectHeaders: { Authorization: `Bearer ${token}` },
        reconnectDelay: 0,
        webSocketFactory: () => {
          socket = new WebSocket(`${server.url.replace("http", "ws")}/ws-raw`, ["v12.stomp"]);
          // Nothing to learn from it: its end is what counts.
          socket.on("error", () => {});
          ended = new Promise((resolve) => socket.once("close", resolve));
          return socket as unknown as globalThis.WebSocket;
        },
      });
      const opened = client;
      await new Promise<void>((resolve, reject) => {
        opened.onConnect = ({ headers }) => {
          // Where nothing has come yet it goes on from where it began.
          for (const topic of TOPICS) if (!since.has(topic)) since.set(topic, headers.position as string);
          resolve();
        };
        opened.onStompError = ({ headers }) => reject(new Error(headers.message));
        opened.onWebSocketClose = () => reject(new Error("closed before it was connected"));
        opened.activate();
      });
      opened.onWebSocketClose = () => {};
      for (const topic of TOPICS) await subscribe(opened, topic);
    }

    function subscribe(opened: Client, topic: (typeof TOPICS)[number]): Promise<void> {
      const receipt = `subscribed-${topic}`;
      const ready = new Promise<void>((resolve) => opened.watchForReceipt(receipt, () => resolve()));
      const from = since.get(topic);
      opened.subscribe(destination(topic), (message) => hear(topic, message), {
        receipt,
        ...(from !== undefined && { since: from }),
      });
      return ready;
    }

    function hear(topic: (typeof TOPICS)[number], { headers, body }: IMessage): void {
      if (headers.position !== undefined) since.set(topic, headers.position);
      const told = JSON.parse(body);
      if (topic === "messages") heard.push(heardOf("message", told));
      else if (topic === "acks") ids.set(told.tempId, told.messageId);
      else if (topic === "errors") error = body;
      else if (told.message !== undefined) heard.push(heardOf("update", told.message));
    }

    /** Resolves to whether it was answered before the connection was lost. */
    async function publish(conversationId: number, content: string, key: string): Promise<boolean> {
      const lost = ended.then(() => false);
      const answered = new Promise<boolean>((resolve) => {
        client.watchForReceipt(key, () => resolve(true));
        client.publish({
          destination: "/app/chat.send",
          headers: { receipt: key, "idempotency-key": key },
          body: JSON.stringify({ conversationId, content, tempId: key }),
        });
      });
      return await Promise.race([answered, lost]);
    }

    await open();
    return {
      heard,
      async send(conversationId, content, key) {
        for (;;) {
          await absence.back;
          const isAnswered =
            socket.readyState === WebSocket.OPEN && (await publish(conversationId, content, key));
          if (error !== null) throw new Error(`refused: ${error}`);
          const id = ids.get(key);
          if (isAnswered && id !== undefined) return id;
        }
      },
      async history(conversationId) {
        const path = `/api/chat/conversations/${conversationId}/messages?limit=100`;
        const response = await fetch(server.url + path, { headers: { authorization: `Bearer ${token}` } });
        const { data } = (await response.json()) as { data: StompMessage[] };
        return data.map((message) => heardOf("message", message));
      },
      drop() {
        absence.begin();
        socket.terminate();
      },
      async comeBack() {
        await client.deactivate();
        await open();
        absence.end();
      },
      async close() {
        await client.deactivate();
      },
    };
  },
};

async function tokenOf(url: string, user: string): Promise<string> {
  const response = await fetch(`${url}/api/dev/token`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ user }),
  });
  return ((await response.json()) as { token: string }).token;
}

function heardOf(kind: Heard["kind"], message: StompMessage): Heard {
  return {
    kind,
    conversationId: message.conversationId,
    id: message.id,
    seq: message.seq,
    senderId: String(message.senderId ?? ""),
    content: message.content ?? "",
    deleted: message.isDeleted,
  };
}

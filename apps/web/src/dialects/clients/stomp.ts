import { Client } from "@stomp/stompjs";
import { type CreateClient, socketUrl } from "../client.ts";

interface Message {
  readonly senderId: string | number;
  readonly content: string;
  readonly seq: number;
}

const MESSAGES = "/user/queue/chat/messages";

/** `@stomp/stompjs` over a plain WebSocket. A receipt says that a message is stored. */
export const createStompClient: CreateClient = ({ me, conversation }, tell) => {
  let position: string | undefined;
  const waiting = new Map<string, { readonly content: string; readonly stored: () => void }>();

  const client = new Client({
    brokerURL: socketUrl("/ws-raw"),
    reconnectDelay: 1_000,
    async beforeConnect() {
      const response = await fetch("/api/dev/token", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ user: me }),
      });
      const { token } = (await response.json()) as { token: string };
      client.connectHeaders = { Authorization: `Bearer ${token}` };
    },
    onConnect({ headers }) {
      // Where nothing has come yet, it goes on from where it began.
      position ??= headers.position;
      client.subscribe(
        MESSAGES,
        (frame) => {
          position = frame.headers.position ?? position;
          const { seq, senderId, content } = JSON.parse(frame.body) as Message;
          const head = Object.entries(frame.headers).map(([name, value]) => `${name}:${value}`);
          const raw = ["MESSAGE", ...head, "", frame.body].join("\n");
          tell.heard({ seq, sender: String(senderId), text: content, raw });
        },
        position === undefined ? {} : { since: position },
      );
      tell.state("live");
      for (const key of waiting.keys()) publish(key);
    },
    onWebSocketClose: () => tell.state(client.active ? "connecting" : "cut"),
  });

  function publish(key: string): void {
    const message = waiting.get(key);
    if (message === undefined) return;
    client.watchForReceipt(key, () => {
      waiting.delete(key);
      message.stored();
    });
    client.publish({
      destination: "/app/chat.send",
      headers: { receipt: key, "idempotency-key": key },
      body: JSON.stringify({ conversationId: conversation, content: message.content }),
    });
  }

  return {
    connect() {
      tell.state("connecting");
      client.activate();
    },
    cut() {
      tell.state("cut");
      void client.deactivate({ force: true });
    },
    send(content, key) {
      return new Promise((stored) => {
        waiting.set(key, { content, stored });
        if (client.connected) publish(key);
      });
    },
  };
};

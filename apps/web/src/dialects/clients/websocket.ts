import { type CreateClient, socketUrl } from "../client.ts";

interface Message {
  readonly sender_id: string;
  readonly content: string;
  readonly seq: number;
}

interface Waiting {
  readonly content: string;
  readonly stored: () => void;
}

/** The browser's own `WebSocket` and JSON. One's own messages come back as an ack. */
export const createWebSocketClient: CreateClient = ({ me, conversation }, tell) => {
  let socket: WebSocket | null = null;
  let position: string | null = null;
  const waiting = new Map<string, Waiting>();

  const say = (event: string, payload: object): void => socket?.send(JSON.stringify({ event, payload }));
  const sendMessage = (message_id: string, content: string): void =>
    say("message.send", { conversation_id: conversation, message_id, content });

  function live(): void {
    tell.state("live");
    for (const [key, { content }] of waiting) sendMessage(key, content);
  }

  function hear(raw: string): void {
    const { event, payload } = JSON.parse(raw);
    switch (event) {
      case "ready":
        if (position === null) live();
        else say("resume", { position });
        break;
      case "resumed":
        live();
        break;
      case "message.receive": {
        const { seq, sender_id, content } = payload as Message;
        tell.heard({ seq, sender: sender_id, text: content, raw });
        break;
      }
      case "message.ack": {
        const mine = waiting.get(payload.message_id);
        if (mine === undefined) break;
        waiting.delete(payload.message_id);
        tell.heard({ seq: payload.seq, sender: me, text: mine.content, raw });
        mine.stored();
      }
    }
    if (typeof payload?.position === "string") position = payload.position;
  }

  return {
    connect() {
      tell.state("connecting");
      socket = new WebSocket(socketUrl(`/ws?user_id=${encodeURIComponent(me)}`));
      socket.onmessage = ({ data }) => hear(data);
    },
    cut() {
      if (socket !== null) socket.onmessage = null;
      socket?.close();
      tell.state("cut");
    },
    send(content, key) {
      return new Promise((stored) => {
        waiting.set(key, { content, stored });
        if (socket?.readyState === WebSocket.OPEN) sendMessage(key, content);
      });
    },
  };
};

import { type Decoded, type Driver, type FrameKind, mark, numberIn, sixtyBytes } from "./driver.ts";

const ENGINE_PING = 0x32; // "2"
const MESSAGE = 0x34; // "4", then Socket.IO's own type
const CONNECTED = 0x30; // "40"
const EVENT = 0x32; // "42["
const ACK = 0x33; // "43", then the number it was asked under
const NAME_AT = 4; // 42["n…
const NAMES: Readonly<Record<number, FrameKind>> = { 110: "receive", 101: "error" };

/** Parlance's Socket.IO dialect over its WebSocket transport, for a socket that joins everything. */
export const socketioDriver: Driver = {
  name: "socketio",
  ordered: true,
  readyOnOpen: false,
  upgradePath: ({ user }) => `/socket.io/?EIO=4&transport=websocket&userId=${encodeURIComponent(user)}`,
  hello: () => ['40{"autojoin":true}'],
  wake: [],
  kindOf(payload) {
    if (payload[0] !== MESSAGE) return "other";
    if (payload[1] === CONNECTED) return "ready";
    if (payload[1] === ACK) return payload.includes('"success":true') ? "ack" : "error";
    if (payload[1] !== EVENT) return "other";
    return NAMES[payload[NAME_AT] as number] ?? "other";
  },
  heartbeat: (payload) => (payload.length === 1 && payload[0] === ENGINE_PING ? "3" : undefined),
  open: () => "",
  openedConversation: () => "",
  async openByRequest(port, users) {
    const response = await fetch(`http://127.0.0.1:${port}/messages`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-user-id": users[0] as string },
      body: JSON.stringify({ participant_ids: users }),
    });
    const { data, message } = (await response.json()) as { data?: { id: string }; message?: string };
    if (data === undefined) throw new Error(`no conversation: ${message}`);
    return data.id;
  },
  sender(conversation, user) {
    const event = `["send_message",{"conversation_id":"${conversation}","sender_id":"${user}","client_id":"b`;
    return (number) => `42${number}${event}${mark(number)}","content":"${sixtyBytes(number)}"}]`;
  },
  decode(payload): Decoded {
    const [, body] = JSON.parse(payload.toString("utf8", 2)) as [string, Record<string, unknown>];
    return {
      conversation: String(body.conversation_id),
      number: numberIn(String(body.content)),
      seq: typeof body.seq === "number" ? body.seq : undefined,
    };
  },
};

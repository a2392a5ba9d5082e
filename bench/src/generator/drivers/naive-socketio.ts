import { type Driver, mark, numberIn, sixtyBytes } from "./driver.ts";

type Body = { c: string; id?: number; text?: string };

const ENGINE_PING = 0x32; // "2"
const MESSAGE = 0x34; // "4", then Socket.IO's own type
const CONNECTED = 0x30; // "40"
const EVENT = 0x32; // "42["
const NAME_AT = 4; // 42["a…

function parse(payload: Buffer): [string, Body] {
  return JSON.parse(payload.toString("utf8", 2)) as [string, Body];
}

/** Socket.IO over its WebSocket transport (Engine.IO 4), spoken by hand so that the client costs little. */
export const naiveSocketioDriver: Driver = {
  name: "naive-socketio",
  ordered: false,
  readyOnOpen: false,
  upgradePath: ({ user }) => `/socket.io/?EIO=4&transport=websocket&user=${encodeURIComponent(user)}`,
  hello: () => ["40"],
  wake: [],
  kindOf(payload) {
    if (payload[0] !== MESSAGE) return "other";
    if (payload[1] === CONNECTED) return "ready";
    if (payload[1] !== EVENT) return "other";
    const letter = payload[NAME_AT];
    return letter === 0x61 ? "ack" : letter === 0x72 ? "receive" : letter === 0x6f ? "opened" : "other";
  },
  heartbeat: (payload) => (payload.length === 1 && payload[0] === ENGINE_PING ? "3" : undefined),
  open: (users) => `42${JSON.stringify(["open", { users }])}`,
  openedConversation: (payload) => parse(payload)[1].c,
  sender(conversation, user) {
    const head = `42["send",{"c":"${conversation}","from":"${user}","m":"`;
    return (number) => `${head}${mark(number)}","text":"${sixtyBytes(number)}"}]`;
  },
  decode(payload) {
    const [, body] = parse(payload);
    return { conversation: body.c, number: numberIn(body.text ?? ""), seq: body.id };
  },
};

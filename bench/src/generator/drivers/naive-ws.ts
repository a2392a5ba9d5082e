import { type Driver, mark, numberIn, sixtyBytes } from "./driver.ts";

type Frame = { e: string; c: string; id?: number; text?: string };

const ACK = 0x61; // {"e":"a…
const RECEIVE = 0x72; // {"e":"r…
const OPENED = 0x6f; // {"e":"o…
const KIND_AT = 6;

function parse(payload: Buffer): Frame {
  return JSON.parse(payload.toString()) as Frame;
}

/** What the naive `ws` server and the bare `ws` loop speak: the shortest JSON that does the job. */
export const naiveWsDriver: Driver = {
  name: "naive-ws",
  ordered: false,
  readyOnOpen: true,
  upgradePath: ({ user }) => `/?user=${encodeURIComponent(user)}`,
  hello: () => [],
  wake: [],
  kindOf(payload) {
    const letter = payload[KIND_AT];
    return letter === ACK ? "ack" : letter === RECEIVE ? "receive" : letter === OPENED ? "opened" : "other";
  },
  heartbeat: () => undefined,
  open: (users) => JSON.stringify({ e: "open", users }),
  openedConversation: (payload) => parse(payload).c,
  sender(conversation, user) {
    const head = `{"e":"send","c":"${conversation}","from":"${user}","m":"`;
    return (number) => `${head}${mark(number)}","text":"${sixtyBytes(number)}"}`;
  },
  decode(payload) {
    const frame = parse(payload);
    return { conversation: frame.c, number: numberIn(frame.text ?? ""), seq: frame.id };
  },
};

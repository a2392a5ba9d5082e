import { type Decoded, type Driver, type FrameKind, mark, numberIn, sixtyBytes } from "./driver.ts";

type Frame = { event?: string; payload?: Record<string, unknown> };

const KINDS: Readonly<Record<string, FrameKind>> = {
  ready: "ready",
  "message.ack": "ack",
  "message.receive": "receive",
  "conversation.opened": "opened",
  resumed: "resumed",
  reset: "error",
  error: "error",
};

const START = Buffer.from('{"event":"');
const QUOTE = 0x22;

function parse(payload: Buffer): Frame {
  return JSON.parse(payload.toString()) as Frame;
}

/** Parlance's /ws dialect. The event's name leads the frame; where it does not, the frame is parsed. */
function kindOf(payload: Buffer): FrameKind {
  let name: string | undefined;
  if (payload.compare(START, 0, START.length, 0, START.length) === 0) {
    const end = payload.indexOf(QUOTE, START.length);
    name = payload.toString("latin1", START.length, end);
  } else {
    name = parse(payload).event;
  }
  return KINDS[name ?? ""] ?? "other";
}

function decode(payload: Buffer): Decoded {
  const body = parse(payload).payload ?? {};
  const seq = body.seq;
  return {
    conversation: String(body.conversation_id),
    number: numberIn(String(body.content ?? body.message_id)),
    seq: typeof seq === "number" ? seq : undefined,
  };
}

export const websocketDriver: Driver = {
  name: "websocket",
  ordered: true,
  readyOnOpen: false,
  upgradePath: ({ user }) => `/ws?user_id=${encodeURIComponent(user)}`,
  hello: () => [],
  wake: ['{"event":"ping","payload":{}}'],
  kindOf,
  heartbeat: () => undefined,
  open: (users) => JSON.stringify({ event: "conversation.open", payload: { participants: users } }),
  openedConversation: (payload) => String(parse(payload).payload?.conversation_id),
  sender(conversation, user) {
    const head = `{"event":"message.send","payload":{"conversation_id":"${conversation}","sender_id":"${user}","message_id":"b`;
    return (number) =>
      `${head}${mark(number)}","content":"${sixtyBytes(number)}","timestamp":${Date.now()}}}`;
  },
  resume: {
    positionOf: (ready) => String(parse(ready).payload?.position),
    frame: (position) => JSON.stringify({ event: "resume", payload: { position } }),
  },
  decode,
};

import { type Decoded, type Driver, type FrameKind, mark, numberIn, sixtyBytes } from "./driver.ts";
import { websocketDriver } from "./websocket.ts";

const DATA = "\ndata: ";
const COLON = 0x3a;

/** Parlance's sse dialect; what it has no word for, and a sender to many, goes over `/ws`. */
export const sseDriver: Driver = {
  ...websocketDriver,
  name: "sse",
  post: (conversation, [from]) => {
    const path = `/chats/${conversation}/messages`;
    return (number) => ({
      path,
      headers: `X-User-Id: ${from}\r\nIdempotency-Key: b${mark(number)}\r\n`,
      body: `{"text":"${sixtyBytes(number)}"}`,
    });
  },
  stream: {
    path: (user) => `/events?stream=messages&user_id=${encodeURIComponent(user)}`,
    kindOf(block): FrameKind {
      if (block[0] === COLON) return "other";
      return block.includes(DATA) ? "receive" : "ready";
    },
  },
  decode(block): Decoded {
    const text = block.toString();
    const body = JSON.parse(text.slice(text.indexOf(DATA) + DATA.length)) as Record<string, unknown>;
    return {
      conversation: String(body.chat_id),
      number: numberIn(String(body.text)),
      seq: typeof body.seq === "number" ? body.seq : undefined,
    };
  },
};

import { type Decoded, type Driver, type FrameKind, numberIn } from "./driver.ts";
import { websocketDriver } from "./websocket.ts";

const DATA = "\ndata: ";
const COLON = 0x3a;

/** What Parlance's sse dialect tells; who speaks does so over `/ws`, for this dialect's own sends are plain HTTP. */
export const sseDriver: Driver = {
  ...websocketDriver,
  name: "sse",
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

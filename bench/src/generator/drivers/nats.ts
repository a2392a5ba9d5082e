import { type Driver, type FrameKind, sixtyBytes } from "./driver.ts";
import { topics } from "./topics.ts";

const LINE_END = Buffer.from("\r\n");
const MESSAGE = 0x4d; // "MSG"
const CONNECT = `CONNECT {"verbose":true,"pedantic":false,"echo":false,"protocol":1,"lang":"bench","version":"1"}\r\n`;
const KINDS: Readonly<Record<string, FrameKind>> = { MS: "receive", "+O": "ack", PO: "ready", "-E": "error" };

/** Where a part that begins at `from` ends, or -1 while some of it is missing. */
function endOf(bytes: Buffer, from: number): number {
  const line = bytes.indexOf(LINE_END, from);
  if (line < 0) return -1;
  const end = line + LINE_END.length;
  if (bytes[from] !== MESSAGE) return end;
  // MSG <subject> <subscription> <bytes>, and on a line of its own the text.
  const length = Number(bytes.toString("latin1", bytes.lastIndexOf(" ", line) + 1, line));
  const whole = end + length + LINE_END.length;
  return whole <= bytes.length ? whole : -1;
}

/** Takes NATS' protocol out of WebSocket messages, which are cut anywhere. */
function takeApart(): (piece: Buffer, each: (part: Buffer) => void) => void {
  let rest: Buffer | undefined;
  return (piece, each) => {
    const bytes = rest ? Buffer.concat([rest, piece]) : piece;
    let at = 0;
    for (let end = endOf(bytes, at); end >= 0; end = at < bytes.length ? endOf(bytes, at) : -1) {
      each(bytes.subarray(at, end));
      at = end;
    }
    rest = at === bytes.length ? undefined : Buffer.from(bytes.subarray(at));
  };
}

/** NATS over WebSocket, with a receipt for each message taken (`verbose`). */
export const natsDriver: Driver = {
  ...topics,
  name: "nats",
  isBinary: true,
  parts: takeApart,
  upgradePath: () => "/",
  hello: ({ topic, listens }) => [CONNECT, ...(listens ? [`SUB ${topic} 1\r\n`] : []), "PING\r\n"],
  kindOf: (part) => KINDS[part.toString("latin1", 0, 2)] ?? "other",
  heartbeat: (part) => (part.toString("latin1", 0, 4) === "PING" ? "PONG\r\n" : undefined),
  sender(topic) {
    const head = `PUB ${topic} 60\r\n`;
    return (number) => `${head}${sixtyBytes(number)}\r\n`;
  },
};

import type { OutFrame } from "../transport.ts";

/** What SockJS says beside messages. */
export const OPEN = Buffer.from("o");
export const HEARTBEAT = Buffer.from("h");
export const ANOTHER_CONNECTION = closeFrame(2010, "Another connection still open");
export const INTERRUPTED = closeFrame(1002, "Connection interrupted");

export function closeFrame(code: number, reason: string): Buffer {
  return Buffer.from(`c${JSON.stringify([code, reason])}`);
}

const ARRAY_START = Buffer.from('a["');
const BETWEEN = Buffer.from('","');
const ARRAY_END = Buffer.from('"]');

/** One SockJS frame with a message for each of these, in parts. They are spelled as JSON already. */
export function arrayFrame(frames: readonly OutFrame[]): Buffer[] {
  const parts: Buffer[] = [ARRAY_START];
  frames.forEach((frame, i) => {
    if (i > 0) parts.push(BETWEEN);
    parts.push(...frame);
  });
  parts.push(ARRAY_END);
  return parts;
}

/** The messages that a client sends at once; null where it is not JSON, or not texts. */
export function readMessages(json: string): readonly string[] | null {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return null;
  }
  const messages: readonly unknown[] = Array.isArray(value) ? value : [value];
  return messages.every((message) => typeof message === "string") ? messages : null;
}

import type { OutFrame } from "../transport.ts";

/**
 * What waits to be written is kept as records, each saying what it is, so that buffers can be shared by all who are
 * told the same, and joined, by parts of the server that know nothing of STOMP. Only the session that writes them
 * adds what is personal: which of its subscriptions a message is for.
 *
 * A record is 7 bytes and its content: kind, topic (2 × 7 bits), length (4 × 7 bits). No byte of these is over 127,
 * so that a record may also be made as a string.
 */
const FRAME = 1;
const MESSAGE = 2;
const PERSONAL = 3;
const BARE_MESSAGE = 4;
const HEAD_BYTES = 7;
export const MAX_TOPIC = 2 ** 14 - 1;

/** A whole frame of one session's own. */
export function frameRecord(frame: Buffer): Buffer {
  return Buffer.concat([Buffer.from(headOf(FRAME, 0, frame.length)), frame]);
}

/** What a MESSAGE holds after its first lines, alike for all listeners of a topic. */
export function messageRecord(topic: number, rest: Buffer): Buffer {
  return Buffer.concat([Buffer.from(headOf(MESSAGE, topic, rest.length)), rest]);
}

/** The same without the listener's own header lines. */
export function bareMessageRecord(topic: number, rest: Buffer): Buffer {
  return Buffer.concat([Buffer.from(headOf(BARE_MESSAGE, topic, rest.length)), rest]);
}

/** Header lines for the messages that follow in the same buffer, up to the next of these. */
export function headersRecord(lines: string): string {
  return headOf(PERSONAL, 0, Buffer.byteLength(lines)) + lines;
}

function headOf(kind: number, topic: number, length: number): string {
  return String.fromCharCode(
    kind,
    topic >> 7,
    topic & 127,
    length >> 21,
    (length >> 14) & 127,
    (length >> 7) & 127,
    length & 127,
  );
}

/** The frames that records come to; a message once for each of `headsOf` its topic, and not at all where there is none. */
export function framesOf(
  records: readonly Buffer[],
  headsOf: (topic: number) => readonly Buffer[],
): OutFrame[] {
  const frames: OutFrame[] = [];
  for (const buffer of records) {
    let personal: Buffer | null = null;
    for (let at = 0; at < buffer.length; ) {
      const kind = buffer[at];
      const topic = topicAt(buffer, at + 1);
      const from = at + HEAD_BYTES;
      at = from + lengthAt(buffer, at + 3);
      const content = buffer.subarray(from, at);
      if (kind === FRAME) frames.push([content]);
      else if (kind === PERSONAL) personal = content;
      else {
        for (const head of headsOf(topic)) {
          frames.push(
            personal === null || kind === BARE_MESSAGE ? [head, content] : [head, personal, content],
          );
        }
      }
    }
  }
  return frames;
}

/** The records with some of a topic's messages put in another way; null leaves one as it is. */
export function changeMessages(
  buffers: readonly Buffer[],
  ofTopic: number,
  change: (rest: Buffer) => Buffer | null,
): Buffer[] {
  return buffers.map((buffer) => {
    const parts: Buffer[] = [];
    let copied = 0;
    for (let at = 0; at < buffer.length; ) {
      const start = at;
      const from = at + HEAD_BYTES;
      at = from + lengthAt(buffer, start + 3);
      if (buffer[start] !== MESSAGE || topicAt(buffer, start + 1) !== ofTopic) continue;
      const changed = change(buffer.subarray(from, at));
      if (changed === null) continue;
      parts.push(buffer.subarray(copied, start), messageRecord(ofTopic, changed));
      copied = at;
    }
    return parts.length === 0 ? buffer : Buffer.concat([...parts, buffer.subarray(copied)]);
  });
}

function topicAt(buffer: Buffer, at: number): number {
  return ((buffer[at] as number) << 7) | (buffer[at + 1] as number);
}

function lengthAt(buffer: Buffer, at: number): number {
  let length = 0;
  for (let i = at; i < at + 4; i++) length = (length << 7) | (buffer[i] as number);
  return length;
}

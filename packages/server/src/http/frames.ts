import type { Duplex } from "node:stream";

/** Up to here copying the frames together is cheaper than a write of many parts. */
const MAX_JOINED_BYTES = 64 * 1024;
/** What a socket may hold when it counts as drained. */
export const LOW_WATER_BYTES = 256 * 1024;

/** A final text frame, as its first byte says. */
const TEXT = 0x81;
const LENGTH_IN_TWO = 126;
const LENGTH_IN_EIGHT = 127;

/** One complete, unmasked, final text frame (RFC 6455, 5.2), shared by all who are told the same. */
export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(headLength(length) + length);
  frame.write(text, writeHead(frame, length));
  return frame;
}

/** What stands before the bytes of a text frame that is made of parts. */
export function textFrameHead(bytes: number): Buffer {
  const head = Buffer.allocUnsafe(headLength(bytes));
  writeHead(head, bytes);
  return head;
}

function headLength(bytes: number): number {
  return bytes < LENGTH_IN_TWO ? 2 : bytes < 65_536 ? 4 : 10;
}

function writeHead(frame: Buffer, bytes: number): number {
  const length = headLength(bytes);
  frame[0] = TEXT;
  if (length === 2) {
    frame[1] = bytes;
  } else if (length === 4) {
    frame[1] = LENGTH_IN_TWO;
    frame.writeUInt16BE(bytes, 2);
  } else {
    frame[1] = LENGTH_IN_EIGHT;
    frame.writeBigUInt64BE(BigInt(bytes), 2);
  }
  return length;
}

/** The texts of what `textFrame` made, for those who have no WebSocket. */
export function textsOf(frames: Buffer): string[] {
  const texts: string[] = [];
  for (let at = 0; at < frames.length; ) {
    const short = frames[at + 1] as number;
    const from = at + (short < LENGTH_IN_TWO ? 2 : short === LENGTH_IN_TWO ? 4 : 10);
    const length =
      short < LENGTH_IN_TWO
        ? short
        : short === LENGTH_IN_TWO
          ? frames.readUInt16BE(at + 2)
          : Number(frames.readBigUInt64BE(at + 2));
    at = from + length;
    texts.push(frames.toString("utf8", from, at));
  }
  return texts;
}

/**
 * Writes whole frames straight to an upgraded socket, in one write: `ws`, which reads from it, writes at once what it
 * is given (without compression it queues nothing), so that what goes past it stays in order with what does not.
 */
export function writeFrames(socket: Duplex, frames: readonly Buffer[]): void {
  if (frames.length === 1) socket.write(frames[0]);
  else if (bytesOf(frames) <= MAX_JOINED_BYTES) socket.write(Buffer.concat(frames));
  else {
    socket.cork();
    for (const frame of frames) socket.write(frame);
    socket.uncork();
  }
}

/** Resolves when the socket has given most of what was written to the kernel, or is not open any more. */
export async function drained(socket: Duplex, isOpen: () => boolean): Promise<void> {
  while (socket.writableLength > LOW_WATER_BYTES && isOpen()) {
    await new Promise<void>((resolve) => {
      const done = () => {
        socket.off("drain", done);
        socket.off("close", done);
        resolve();
      };
      socket.once("drain", done);
      socket.once("close", done);
    });
  }
}

function bytesOf(frames: readonly Buffer[]): number {
  let bytes = 0;
  for (const frame of frames) bytes += frame.length;
  return bytes;
}

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface RawFrame {
  readonly fin?: boolean;
  /** The three reserved bits, as a number from 0 to 7. */
  readonly reserved?: number;
  readonly opcode: number;
  readonly payload?: Buffer | string;
  readonly masked?: boolean;
  /** Declared instead of the payload's own length. */
  readonly length?: bigint;
}

export interface RawSocket {
  readonly socket: Socket;
  write(...frames: RawFrame[]): void;
  /** The payloads of text frames so far. */
  readonly texts: string[];
  /** The code of the server's close frame; null where the connection ended without one. */
  readonly closed: Promise<number | null>;
}

export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;

/** A WebSocket by hand, to send what no library would. */
export async function openRaw(url: string, user: string): Promise<RawSocket> {
  const { hostname, port, host } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  await once(socket, "connect");
  const key = randomBytes(16).toString("base64");
  socket.write(
    `GET /ws?user_id=${user} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  );
  const texts: string[] = [];
  let code: number | null = null;
  let unread = Buffer.alloc(0);
  let upgraded = false;
  socket.on("data", (chunk: Buffer) => {
    unread = Buffer.concat([unread, chunk]);
    if (!upgraded) {
      const end = unread.indexOf("\r\n\r\n");
      if (end === -1) return;
      upgraded = true;
      unread = unread.subarray(end + 4);
    }
    for (let frame = readFrame(unread); frame !== null; frame = readFrame(unread)) {
      unread = unread.subarray(frame.size);
      if (frame.opcode === TEXT) texts.push(frame.payload.toString("utf8"));
      if (frame.opcode === CLOSE) code = frame.payload.length >= 2 ? frame.payload.readUInt16BE() : 1005;
    }
  });
  // Not once(): that rejects where the server resets the connection.
  const closed = new Promise<number | null>((resolve) => socket.once("close", () => resolve(code)));
  return {
    socket,
    texts,
    closed,
    write: (...frames) => {
      for (const frame of frames) socket.write(encode(frame));
    },
  };
}

function readFrame(bytes: Buffer): { opcode: number; payload: Buffer; size: number } | null {
  if (bytes.length < 2) return null;
  const short = (bytes[1] as number) & 0x7f;
  const head = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < head) return null;
  const length = head === 2 ? short : head === 4 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (bytes.length < head + length) return null;
  return {
    opcode: (bytes[0] as number) & 0x0f,
    payload: bytes.subarray(head, head + length),
    size: head + length,
  };
}

function encode({ fin = true, reserved = 0, opcode, payload = "", masked = true, length }: RawFrame): Buffer {
  const body = Buffer.from(payload);
  const declared = length ?? BigInt(body.length);
  const head = Buffer.alloc(declared < 126n ? 2 : declared < 65_536n ? 4 : 10);
  head[0] = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  const mask = masked ? 0x80 : 0;
  if (head.length === 2) head[1] = mask | Number(declared);
  else if (head.length === 4) {
    head[1] = mask | 126;
    head.writeUInt16BE(Number(declared), 2);
  } else {
    head[1] = mask | 127;
    head.writeBigUInt64BE(declared, 2);
  }
  if (!masked) return Buffer.concat([head, body]);
  const key = randomBytes(4);
  return Buffer.concat([head, key, body.map((byte, i) => byte ^ (key[i % 4] as number))]);
}

/**
 * WebSocket frames from the client's side, as cheap as they can be made: a Node `ws` client costs what a Node
 * `ws` server does, and then half the machine would measure itself.
 */
export const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

const NO_MASK = Buffer.alloc(4);

/**
 * One whole client frame. The mask is all zeros unless given: legal on the wire, the server unmasks it as any
 * other, and the generator saves a pass over the bytes.
 */
export function clientFrame(opcode: number, payload: Buffer | string, mask: Buffer = NO_MASK): Buffer {
  const length = typeof payload === "string" ? Buffer.byteLength(payload) : payload.length;
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const start = 2 + extended + 4;
  const frame = Buffer.allocUnsafe(start + length);
  frame[0] = 0x80 | opcode;
  frame[1] = 0x80 | (extended === 0 ? length : extended === 2 ? 126 : 127);
  if (extended === 2) frame.writeUInt16BE(length, 2);
  else if (extended === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  mask.copy(frame, start - 4);
  if (typeof payload === "string") frame.write(payload, start);
  else payload.copy(frame, start);
  if (mask !== NO_MASK) for (let i = 0; i < length; i++) frame[start + i]! ^= mask[i & 3]!;
  return frame;
}

/** Gets whole messages: text and binary ones put together from their fragments, control frames as they come. */
export type OnMessage = (opcode: number, payload: Buffer) => void;

/** Reads a server's frames out of chunks cut anywhere. The payload is only valid during the call. */
export class FrameReader {
  #rest: Buffer | undefined;
  #parts: Buffer[] = [];
  #partsOpcode = 0;
  readonly #onMessage: OnMessage;

  constructor(onMessage: OnMessage) {
    this.#onMessage = onMessage;
  }

  /** @throws Error on a masked frame or reserved bits: no extension was asked for. */
  feed(chunk: Buffer): void {
    const bytes = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    let at = 0;
    while (bytes.length - at >= 2) {
      const first = bytes[at]!;
      const second = bytes[at + 1]!;
      if (first & 0x70) throw new Error("a frame with reserved bits, though no extension was asked for");
      if (second & 0x80) throw new Error("a masked frame from a server");
      let length = second;
      let start = at + 2;
      if (second === 126) {
        if (bytes.length < at + 4) break;
        length = bytes.readUInt16BE(at + 2);
        start = at + 4;
      } else if (second === 127) {
        if (bytes.length < at + 10) break;
        length = Number(bytes.readBigUInt64BE(at + 2));
        start = at + 10;
      }
      if (bytes.length < start + length) break;
      this.#frame(first, bytes.subarray(start, start + length));
      at = start + length;
    }
    this.#rest = at === bytes.length ? undefined : Buffer.from(bytes.subarray(at));
  }

  #frame(first: number, payload: Buffer): void {
    const opcode = first & 0x0f;
    const last = (first & 0x80) !== 0;
    if (opcode >= 8 || (last && opcode !== Opcode.continuation)) {
      this.#onMessage(opcode, payload);
      return;
    }
    if (opcode !== Opcode.continuation) {
      this.#parts = [];
      this.#partsOpcode = opcode;
    }
    this.#parts.push(Buffer.from(payload));
    if (!last) return;
    const whole = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#onMessage(this.#partsOpcode, whole);
  }
}

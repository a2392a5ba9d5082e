import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { clientFrame, FrameReader, Opcode } from "./ws-frames.ts";

/** Sockets that share one source address; the kernel has 64,000 ports for each. */
const SOCKETS_PER_ADDRESS = 20_000;
/**
 * Below the range that the kernel picks from. We name the port ourselves: bound to an address and left to
 * choose, the kernel searches, and 8,000 connections went out at 1,000 a second instead of 6,700.
 */
const FIRST_PORT = 10_000;
let opened = 0;

/** Every process has addresses of its own, so that none meets the closing sockets of the one before. */
export function nextSource(): { localAddress: string; localPort: number } {
  const index = opened++;
  const last = 2 + Math.floor(index / SOCKETS_PER_ADDRESS);
  const own = `${1 + (process.pid % 250)}.${Math.floor(process.pid / 250) % 250}`;
  return { localAddress: `127.${own}.${last}`, localPort: FIRST_PORT + (index % SOCKETS_PER_ADDRESS) };
}

/** Called for each message of the kind that is sent; the bytes are only valid during the call. */
export type OnText = (payload: Buffer) => void;

/**
 * A WebSocket client on a bare TCP socket. Sends are gathered while a chunk is read and leave in one write:
 * the generator is polite to itself, and equally to everyone it measures.
 */
export class BareSocket {
  #onText: OnText = () => {};
  #onClose: (reason: string) => void = () => {};
  readonly #opcode: number;
  #tcp: Socket;
  #reader: FrameReader;
  #early: Buffer;
  #out: Buffer[] = [];
  #gathering: boolean = false;
  #closed: boolean = false;

  private constructor(tcp: Socket, early: Buffer, opcode: number) {
    this.#tcp = tcp;
    this.#opcode = opcode;
    this.#early = early;
    this.#reader = new FrameReader((opcode, payload) => this.#message(opcode, payload));
    tcp.on("error", (error) => this.#ended(error.message));
    tcp.on("close", () => this.#ended("the connection ended"));
  }

  /** @throws Error when the upgrade is refused, with the server's status line. */
  static open(port: number, target: string, isBinary = false): Promise<BareSocket> {
    return new Promise((resolve, reject) => {
      const tcp = connect({ port, host: "127.0.0.1", ...nextSource(), noDelay: true });
      let head: Buffer = Buffer.alloc(0);
      const refuse = (error: Error) => {
        tcp.destroy();
        reject(error);
      };
      const onHead = (chunk: Buffer) => {
        head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
        const end = head.indexOf("\r\n\r\n");
        if (end < 0) return;
        const status = head.toString("latin1", 0, head.indexOf("\r\n"));
        if (!status.startsWith("HTTP/1.1 101")) {
          refuse(new Error(`upgrade refused: ${status}`));
          return;
        }
        tcp.removeListener("data", onHead);
        tcp.removeListener("error", refuse);
        tcp.removeListener("close", onEnd);
        tcp.pause();
        const opcode = isBinary ? Opcode.binary : Opcode.text;
        resolve(new BareSocket(tcp, Buffer.from(head.subarray(end + 4)), opcode));
      };
      const onEnd = () => refuse(new Error("the connection ended before the upgrade"));
      tcp.on("data", onHead);
      tcp.on("error", refuse);
      tcp.on("close", onEnd);
      tcp.write(
        `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
          `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
      );
    });
  }

  /** Nothing is read before this. `onClose` is called once, unless it was we who closed. */
  start(onText: OnText, onClose: (reason: string) => void): void {
    this.#onText = onText;
    this.#onClose = onClose;
    if (this.#early.length > 0) this.#data(this.#early);
    this.#tcp.on("data", (chunk: Buffer) => this.#data(chunk));
    this.#tcp.resume();
  }

  sendText(payload: string): void {
    const frame = clientFrame(this.#opcode, payload);
    if (this.#gathering) this.#out.push(frame);
    else if (!this.#closed) this.#tcp.write(frame);
  }

  /** Sends made inside `work` leave in one write. */
  gather(work: () => void): void {
    this.#gathering = true;
    try {
      work();
    } finally {
      this.#gathering = false;
      this.#flush();
    }
  }

  close(): void {
    this.#closed = true;
    this.#tcp.destroy();
  }

  #flush(): void {
    if (this.#out.length === 0) return;
    const bytes = this.#out.length === 1 ? this.#out[0]! : Buffer.concat(this.#out);
    this.#out = [];
    if (!this.#closed) this.#tcp.write(bytes);
  }

  #data(chunk: Buffer): void {
    this.gather(() => this.#reader.feed(chunk));
  }

  #message(opcode: number, payload: Buffer): void {
    if (opcode === this.#opcode) this.#onText(payload);
    else if (opcode === Opcode.ping) this.#out.push(clientFrame(Opcode.pong, payload));
    else if (opcode === Opcode.close) {
      const code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
      this.#ended(`closed with ${code} ${payload.toString("utf8", 2)}`);
      this.#tcp.end();
    }
  }

  #ended(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose(reason);
  }
}

import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { openAfterHead } from "./upgrade.ts";
import { clientFrame, FrameReader, Opcode } from "./ws-frames.ts";

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
  static async open(port: number, target: string, isBinary = false): Promise<BareSocket> {
    const head =
      `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\nSec-WebSocket-Version: 13\r\n\r\n`;
    const { tcp, early } = await openAfterHead(port, head, "HTTP/1.1 101", "upgrade");
    return new BareSocket(tcp, early, isBinary ? Opcode.binary : Opcode.text);
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

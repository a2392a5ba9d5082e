import type { Socket } from "node:net";
import type { OnText } from "./bare-socket.ts";
import { openAfterHead } from "./upgrade.ts";

const BLOCK_END = "\n\n";

/** Reads a stream of server-sent events off a bare TCP socket, block by block. */
export class BareStream {
  readonly #tcp: Socket;
  #onBlock: OnText = () => {};
  #onClose: (reason: string) => void = () => {};
  #rest: Buffer;
  #closed: boolean = false;

  private constructor(tcp: Socket, early: Buffer) {
    this.#tcp = tcp;
    this.#rest = early;
    tcp.on("error", (error) => this.#ended(error.message));
    tcp.on("close", () => this.#ended("the connection ended"));
  }

  /** @throws Error when the stream is refused, with the server's status line. */
  static async open(port: number, target: string): Promise<BareStream> {
    const head = `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: text/event-stream\r\n\r\n`;
    const { tcp, early } = await openAfterHead(port, head, "HTTP/1.1 200", "stream");
    return new BareStream(tcp, early);
  }

  /** Nothing is read before this. `onClose` is called once, unless it was we who closed. */
  start(onBlock: OnText, onClose: (reason: string) => void): void {
    this.#onBlock = onBlock;
    this.#onClose = onClose;
    const early = this.#rest;
    this.#rest = Buffer.alloc(0);
    this.#read(early);
    this.#tcp.on("data", (chunk: Buffer) => this.#read(chunk));
    this.#tcp.resume();
  }

  close(): void {
    this.#closed = true;
    this.#tcp.destroy();
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    for (let end = bytes.indexOf(BLOCK_END); end >= 0; end = bytes.indexOf(BLOCK_END, at)) {
      this.#onBlock(bytes.subarray(at, end));
      at = end + BLOCK_END.length;
    }
    this.#rest = at === bytes.length ? Buffer.alloc(0) : Buffer.from(bytes.subarray(at));
  }

  #ended(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose(reason);
  }
}

import { connect, type Socket } from "node:net";
import { nextSource, type OnText } from "./bare-socket.ts";

const HEAD_END = "\r\n\r\n";
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
  static open(port: number, target: string): Promise<BareStream> {
    return new Promise((resolve, reject) => {
      const tcp = connect({ port, host: "127.0.0.1", ...nextSource(), noDelay: true });
      let head: Buffer = Buffer.alloc(0);
      const refuse = (error: Error) => {
        tcp.destroy();
        reject(error);
      };
      const onEnd = () => refuse(new Error("the connection ended before the stream"));
      const onHead = (chunk: Buffer) => {
        head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
        const end = head.indexOf(HEAD_END);
        if (end < 0) return;
        const status = head.toString("latin1", 0, head.indexOf("\r\n"));
        if (!status.startsWith("HTTP/1.1 200")) {
          refuse(new Error(`stream refused: ${status}`));
          return;
        }
        tcp.removeListener("data", onHead);
        tcp.removeListener("error", refuse);
        tcp.removeListener("close", onEnd);
        tcp.pause();
        resolve(new BareStream(tcp, Buffer.from(head.subarray(end + HEAD_END.length))));
      };
      tcp.on("data", onHead);
      tcp.on("error", refuse);
      tcp.on("close", onEnd);
      tcp.write(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: text/event-stream\r\n\r\n`);
    });
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

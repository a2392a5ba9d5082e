import { connect, type Socket } from "node:net";
import { nextSource } from "./source.ts";

/** One request after another on a bare TCP socket: as little of a client as there can be. */
export class HttpSocket {
  readonly #tcp: Socket;
  #answered: (status: number) => void = () => {};
  #failed: (error: Error) => void = () => {};
  #got = "";

  private constructor(tcp: Socket) {
    this.#tcp = tcp;
    tcp.setEncoding("latin1");
    tcp.on("data", (chunk: string) => this.#data(chunk));
    tcp.on("error", (error) => this.#failed(error));
    tcp.on("close", () => this.#failed(new Error("the connection ended")));
  }

  static open(port: number): Promise<HttpSocket> {
    return new Promise((resolve, reject) => {
      const tcp = connect({ port, host: "127.0.0.1", ...nextSource(), noDelay: true });
      tcp.once("error", reject);
      tcp.once("connect", () => resolve(new HttpSocket(tcp)));
    });
  }

  /**
   * Resolves to the status, when the whole answer is there. One at a time.
   * @param headers further lines, each with its end
   */
  post(path: string, body: string, headers = ""): Promise<number> {
    const type = `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
    return this.#ask(`POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${type}${headers}\r\n${body}`);
  }

  /** As `post`. */
  get(path: string, headers = ""): Promise<number> {
    return this.#ask(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}\r\n`);
  }

  #ask(request: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#answered = resolve;
      this.#failed = reject;
      this.#tcp.write(request);
    });
  }

  close(): void {
    this.#failed = () => {};
    this.#tcp.destroy();
  }

  #data(chunk: string): void {
    this.#got += chunk;
    const head = this.#got.indexOf("\r\n\r\n");
    if (head < 0) return;
    const length = /\r\ncontent-length: (\d+)/i.exec(this.#got)?.[1];
    if (length === undefined) {
      this.#failed(new Error(`an answer without a length: ${this.#got.slice(0, 100)}`));
      return;
    }
    if (this.#got.length < head + 4 + Number(length)) return;
    const status = Number(this.#got.slice(9, 12));
    this.#got = "";
    this.#answered(status);
  }
}

import type { Post } from "./drivers/driver.ts";
import { HttpSocket } from "./http-socket.ts";

/** Sends one user's messages by requests, over as many connections as there are requests at once. */
export class Poster {
  onAck: (number: number) => void = () => {};
  onError: (reason: string) => void = () => {};
  readonly #port: number;
  readonly #post: (number: number) => Post;
  readonly #idle: HttpSocket[] = [];
  readonly #all: HttpSocket[] = [];

  constructor(port: number, post: (number: number) => Post) {
    this.#port = port;
    this.#post = post;
  }

  send(number: number): void {
    this.#request(number).catch((error: unknown) => {
      this.onError(error instanceof Error ? error.message : String(error));
    });
  }

  close(): void {
    for (const socket of this.#all) socket.close();
  }

  async #request(number: number): Promise<void> {
    const { path, headers, body } = this.#post(number);
    let socket = this.#idle.pop();
    if (socket === undefined) {
      socket = await HttpSocket.open(this.#port);
      this.#all.push(socket);
    }
    const status = await socket.post(path, body, headers);
    this.#idle.push(socket);
    if (status >= 200 && status < 300) this.onAck(number);
    else this.onError(`answered ${status}`);
  }
}

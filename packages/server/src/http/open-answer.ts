import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { drained, writeFrames } from "./frames.ts";

/** What was written has so long to leave before the connection is cut. */
const END_TIMEOUT_MS = 2_000;

/**
 * An answer without an end: a head, then whatever is written, until either side closes the connection. Its bytes go
 * straight to the socket, not in chunks of HTTP, so that many connections can share them as they are.
 */
export class OpenAnswer {
  readonly #response: ServerResponse;
  readonly #socket: Socket;
  readonly #headers: OutgoingHttpHeaders;
  /** Bytes the kernel had taken when it was last asked whether it is stuck; -1: nothing waited. */
  #taken = -1;

  /** @param socket the response's own, once its turn has come: see `turnOf` */
  constructor(response: ServerResponse, socket: Socket, headers: OutgoingHttpHeaders) {
    this.#response = response;
    this.#socket = socket;
    this.#headers = headers;
  }

  get isClosed(): boolean {
    return this.#response.closed || this.#socket.destroyed;
  }

  /** Bytes written that the kernel has not taken. */
  get buffered(): number {
    return this.#socket.writableLength;
  }

  /** Asked now and then: whether something waits to be taken, and nothing was since it was asked last. */
  isStuck(): boolean {
    const { writableLength, bytesWritten } = this.#socket;
    const before = this.#taken;
    this.#taken = writableLength === 0 ? -1 : bytesWritten - writableLength;
    return this.#taken !== -1 && this.#taken === before;
  }

  /** The first write sends the head. */
  write(buffers: readonly Buffer[]): void {
    if (!this.#socket.writable) return;
    if (!this.#response.headersSent) this.#begin();
    writeFrames(this.#socket, buffers);
  }

  drained(): Promise<void> {
    return drained(this.#socket, () => this.#socket.writable);
  }

  /** Lets what was written go out. */
  end(): void {
    this.#socket.end();
    setTimeout(() => this.cut(), END_TIMEOUT_MS).unref();
  }

  cut(): void {
    this.#socket.destroy();
  }

  #begin(): void {
    this.#response.useChunkedEncodingByDefault = false;
    this.#response.writeHead(200, { ...this.#headers, connection: "close" });
    this.#response.flushHeaders();
  }
}

/** The connection, once the answers to earlier requests on it are out; null where it is gone before that. */
export async function turnOf(response: ServerResponse): Promise<Socket | null> {
  if (response.socket === null && !response.closed) {
    await new Promise((resolve) => response.once("socket", resolve).once("close", resolve));
  }
  const { socket } = response;
  return response.closed || socket?.destroyed ? null : socket;
}

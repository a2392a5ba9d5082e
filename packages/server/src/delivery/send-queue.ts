import type { Outlet } from "./outlet.ts";

/** Up to here nobody has to ask the socket how much it still holds. */
const UNASKED_BYTES = 64 * 1024;
/** It is asked at every so manieth write all the same. */
const ASKED_EVERY = 16;

/** What waits to go out on one connection, in bytes and bounded. */
export class SendQueue {
  readonly #outlet: Pick<Outlet, "buffered">;
  readonly #maxBytes: number;
  #frames: Buffer[] = [];
  #bytes = 0;
  #taken = 0;

  constructor(outlet: Pick<Outlet, "buffered">, maxBytes: number) {
    this.#outlet = outlet;
    this.#maxBytes = maxBytes;
  }

  get isEmpty(): boolean {
    return this.#frames.length === 0;
  }

  /** Bytes that wait here or in the socket. */
  get waiting(): number {
    return this.#bytes + this.#outlet.buffered;
  }

  /** False when that is more than may wait: the connection is to be ended. */
  push(frames: Buffer): boolean {
    this.#frames.push(frames);
    this.#bytes += frames.length;
    return this.#bytes <= this.#maxBytes;
  }

  /** Everything, to be written; null when the socket holds too much already. */
  take(): Buffer[] | null {
    const asked = this.#bytes > UNASKED_BYTES || ++this.#taken % ASKED_EVERY === 0;
    if (asked && this.waiting > this.#maxBytes) return null;
    const frames = this.#frames;
    this.clear();
    return frames;
  }

  clear(): void {
    this.#frames = [];
    this.#bytes = 0;
  }
}

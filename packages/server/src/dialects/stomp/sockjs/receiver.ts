import type { ServerResponse } from "node:http";
import { setUncached } from "./answers.ts";

/** One HTTP response that frames are sent in. */
export type ReceiverKind = "xhr" | "xhr_streaming" | "eventsource";

interface Wire {
  readonly contentType: string;
  /** Sent before anything else: browsers tell of a response when so much of it has come. */
  readonly prelude: Buffer | null;
  readonly before: Buffer;
  readonly after: Buffer;
  /** Whether it is ended after one frame. */
  readonly isPoll: boolean;
}

const SCRIPT = "application/javascript; charset=UTF-8";
const NOTHING = Buffer.alloc(0);
const LINE_END = Buffer.from("\n");
const WIRES: Readonly<Record<ReceiverKind, Wire>> = {
  xhr: { contentType: SCRIPT, prelude: null, before: NOTHING, after: LINE_END, isPoll: true },
  xhr_streaming: {
    contentType: SCRIPT,
    prelude: Buffer.from(`${"h".repeat(2_048)}\n`),
    before: NOTHING,
    after: LINE_END,
    isPoll: false,
  },
  eventsource: {
    contentType: "text/event-stream; charset=UTF-8",
    prelude: Buffer.from("\r\n"),
    before: Buffer.from("data: "),
    after: Buffer.from("\r\n\r\n"),
    isPoll: false,
  },
};
const PERCENT = 0x25;

export interface ReceiverEvents {
  drained(): void;
  /** The response is over; `whole`: all of it was handed to the network. */
  finished(whole: boolean): void;
}

/** Takes frames until it is full: one for a poll, `maxBytes` for a stream, which browsers keep in memory as a whole. */
export class Receiver {
  readonly #wire: Wire;
  readonly #response: ServerResponse;
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(kind: ReceiverKind, response: ServerResponse, maxBytes: number) {
    this.#wire = WIRES[kind];
    this.#response = response;
    this.#maxBytes = maxBytes;
    setUncached(response);
    response.setHeader("x-accel-buffering", "no");
    response.writeHead(200, { "content-type": this.#wire.contentType });
    if (this.#wire.prelude !== null) response.write(this.#wire.prelude);
  }

  listen(events: ReceiverEvents): void {
    this.#response.on("drain", () => events.drained());
    this.#response.once("close", () => events.finished(this.#response.writableFinished));
  }

  get buffered(): number {
    return this.#response.destroyed ? 0 : this.#response.writableLength;
  }

  /** False when it is full: it has been ended. */
  send(parts: readonly Buffer[]): boolean {
    const { before, after, isPoll } = this.#wire;
    let frame = Buffer.concat([before, ...parts, after]);
    // The SockJS client reads this transport through decodeURI.
    if (before.length > 0 && frame.includes(PERCENT))
      frame = Buffer.from(frame.toString().replaceAll("%", "%25"));
    this.#bytes += frame.length;
    if (isPoll || this.#bytes >= this.#maxBytes) {
      this.#response.end(frame);
      return false;
    }
    this.#response.write(frame);
    return true;
  }

  end(): void {
    this.#response.end();
  }

  destroy(): void {
    this.#response.destroy();
  }
}

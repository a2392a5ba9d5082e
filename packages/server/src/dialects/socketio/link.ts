import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { CloseCode } from "@parlance/protocol/close-codes.ts";
import type { Socket, Transport } from "engine.io";
import type { WebSocket } from "ws";
import { drained, LOW_WATER_BYTES, textsOf, writeFrames } from "../../http/frames.ts";

/** What a link's owner hears of it. */
export interface LinkEvents {
  text(data: string): void;
  binary(): void;
  closed(): void;
}

/** The two ends of a transport that is a WebSocket. */
export interface Wire {
  readonly ws: WebSocket;
  readonly socket: Duplex;
}

/** After this what is left of a connection that was closed is cut. */
const CLOSE_TIMEOUT_MS = 2_000;

/**
 * One Engine.IO session: over polling, over a WebSocket, or on its way from one to the other. Over a WebSocket frames
 * go straight to its socket; else Engine.IO gets them one by one, and what it has not passed on yet counts as buffered.
 */
export class Link {
  readonly #session: Socket;
  readonly #wires: WeakMap<Transport, Wire>;
  /** Bytes that Engine.IO has and the transport does not. */
  #waiting = 0;

  constructor(session: Socket, wires: WeakMap<Transport, Wire>) {
    this.#session = session;
    this.#wires = wires;
  }

  listen(events: LinkEvents): void {
    const session = this.#session;
    session.on("message", (data: string | Buffer) => {
      if (typeof data === "string") events.text(data);
      else events.binary();
    });
    session.on("drain", () => {
      this.#waiting = 0;
    });
    session.on("close", () => events.closed());
  }

  /** The request that opened it; engine.io would keep it in memory for as long as the link lives. */
  takeRequest(): IncomingMessage {
    const session = this.#session as { request: IncomingMessage | null };
    const request = session.request as IncomingMessage;
    session.request = null;
    return request;
  }

  write(frames: readonly Buffer[]): void {
    if (this.#session.readyState !== "open") return;
    const wire = this.#wire;
    if (wire !== undefined && this.#waiting === 0) {
      if (wire.ws.readyState === wire.ws.OPEN) writeFrames(wire.socket, frames);
    } else {
      this.#writePackets(frames);
    }
  }

  get buffered(): number {
    return this.#waiting + (this.#wire?.socket.writableLength ?? 0);
  }

  async drained(): Promise<void> {
    while (this.#isOpen && this.buffered > LOW_WATER_BYTES) {
      const wire = this.#wire;
      if (this.#waiting === 0 && wire !== undefined) await drained(wire.socket, () => this.#isOpen);
      else await this.#passedOn();
    }
  }

  /** Stops and restarts reading, where that can be: what is posted by polling has come already. */
  pause(): void {
    this.#wire?.ws.pause();
  }

  resume(): void {
    this.#wire?.ws.resume();
  }

  /** Without a word of Socket.IO's: its clients then come back by themselves. */
  close(code: CloseCode, reason: string): void {
    const wire = this.#wire;
    if (wire !== undefined) {
      wire.ws.close(code, reason);
      setTimeout(() => wire.ws.terminate(), CLOSE_TIMEOUT_MS).unref();
      return;
    }
    // Where no poll waits for the word, the next one learns that there is no such session: engine.io would hold this
    // one for half a minute to say it.
    this.#session.close(!this.#session.transport.writable);
  }

  get #isOpen(): boolean {
    return this.#session.readyState === "open";
  }

  get #wire(): Wire | undefined {
    return this.#wires.get(this.#session.transport);
  }

  /** In one answer to a poll, where one waits. */
  #writePackets(frames: readonly Buffer[]): void {
    const { transport } = this.#session;
    const texts: string[] = [];
    for (const buffer of frames) {
      this.#waiting += buffer.length;
      texts.push(...textsOf(buffer));
    }
    const isWritable = transport.writable;
    transport.writable = false;
    for (const [i, text] of texts.entries()) {
      if (i === texts.length - 1) transport.writable = isWritable;
      // Without Engine.IO's own first digit, which it puts there itself.
      this.#session.send(text.slice(1), { compress: false });
    }
  }

  #passedOn(): Promise<void> {
    return new Promise((resolve) => {
      const session = this.#session;
      const done = (): void => {
        session.off("drain", done);
        session.off("close", done);
        resolve();
      };
      session.on("drain", done);
      session.on("close", done);
    });
  }
}

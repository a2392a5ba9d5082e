import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { CloseCode } from "@parlance/protocol/close-codes.ts";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import { drained, writeFrames } from "./frames.ts";
import type { UpgradeRequest } from "./upgrades.ts";

/** What a WebSocket's owner hears of it. */
export interface WebSocketEvents {
  text(data: string): void;
  binary(data: Buffer): void;
  /** Any sign of life, also pings and pongs. */
  alive(): void;
  closed(): void;
}

/** Ours, or those of RFC 6455 for a client that said goodbye and for one that breaks its protocol. */
export type WebSocketCloseCode = CloseCode | 1000 | 1002;

/** One open WebSocket: reads through `ws`, writes whole prebuilt frames straight to the socket. */
export interface WebSocketTransport {
  write(frames: readonly Buffer[]): void;
  /** Bytes written that the kernel has not taken. */
  readonly buffered: number;
  /** Resolves when most of what was written is taken, or the connection is gone. */
  drained(): Promise<void>;
  ping(): void;
  /** Stops and restarts reading: a client that sends faster than it can be served waits in its own kernel. */
  pause(): void;
  resume(): void;
  close(code: WebSocketCloseCode, reason: string): void;
  /** Ends it without a handshake. */
  cut(): void;
}

/** After a close frame the peer has so long to answer it. */
const CLOSE_TIMEOUT_MS = 2_000;

export interface WebSocketAcceptor {
  accept(upgrade: UpgradeRequest, opened: (transport: WebSocketTransport) => WebSocketEvents): void;
}

export function createWebSocketAcceptor(options: {
  readonly maxFrameBytes: number;
  readonly protocols?: (offered: ReadonlySet<string>) => string | false;
  /** The server speaks first: its answer to the upgrade waits for its first frames and leaves with them, in one write. */
  readonly greets?: boolean;
}): WebSocketAcceptor {
  // No compression: it costs ten times the CPU of a write and a window of memory per connection.
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: options.maxFrameBytes,
    ...(options.protocols !== undefined && { handleProtocols: options.protocols }),
  });
  return {
    accept({ request, socket, head }, opened) {
      if (options.greets) socket.cork();
      server.handleUpgrade(request, socket, head, (ws) => {
        (socket as Socket).setNoDelay?.(true);
        const events = opened(new Transport(ws, socket));
        ws.on("message", (data: RawData, isBinary: boolean) => {
          events.alive();
          if (isBinary) events.binary(data as Buffer);
          else events.text(data.toString());
        });
        ws.on("ping", () => events.alive());
        ws.on("pong", () => events.alive());
        // A broken frame: ws answers with the right close code (1002, 1007, 1009) by itself.
        ws.on("error", () => uncork(socket));
        ws.on("close", () => events.closed());
      });
    },
  };
}

function uncork(socket: Duplex): void {
  if (socket.writableCorked > 0) socket.uncork();
}

/** A class and not an object of closures: 20,000 idle connections feel half a kilobyte each. */
class Transport implements WebSocketTransport {
  readonly #ws: WebSocket;
  readonly #socket: Duplex;

  constructor(ws: WebSocket, socket: Duplex) {
    this.#ws = ws;
    this.#socket = socket;
  }

  get buffered(): number {
    return this.#socket.writableLength;
  }

  write(frames: readonly Buffer[]): void {
    if (this.#isOpen) writeFrames(this.#socket, frames);
    uncork(this.#socket);
  }

  drained(): Promise<void> {
    return drained(this.#socket, () => this.#isOpen);
  }

  ping(): void {
    if (this.#isOpen) this.#ws.ping();
  }

  pause(): void {
    this.#ws.pause();
  }

  resume(): void {
    this.#ws.resume();
  }

  close(code: WebSocketCloseCode, reason: string): void {
    this.#ws.close(code, reason);
    uncork(this.#socket);
    setTimeout(() => this.cut(), CLOSE_TIMEOUT_MS).unref();
  }

  cut(): void {
    this.#ws.terminate();
  }

  get #isOpen(): boolean {
    return this.#ws.readyState === this.#ws.OPEN;
  }
}

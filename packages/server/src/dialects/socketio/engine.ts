import type { IncomingMessage } from "node:http";
import { Server, type Socket, type Transport } from "engine.io";
import { type WebSocket, WebSocketServer } from "ws";
import { Link, type Wire } from "./link.ts";

export interface EngineLimits {
  readonly heartbeatSeconds: number;
  readonly maxFrameBytes: number;
}

/** Engine.IO with what it needs to say which socket a transport is. */
export class Engine extends Server {
  readonly #wires = new WeakMap<Transport, Wire>();
  #refusing = false;

  constructor({ heartbeatSeconds, maxFrameBytes }: EngineLimits, opened: (link: Link) => void) {
    super({
      transports: ["polling", "websocket"],
      pingInterval: heartbeatSeconds * 1_000,
      pingTimeout: heartbeatSeconds * 1_000,
      maxHttpBufferSize: maxFrameBytes,
      // Ten times the CPU of a write, and a window of memory per connection.
      perMessageDeflate: false,
      httpCompression: false,
      // The ws that everything else here uses, and not engine.io's own older one.
      wsEngine: WebSocketServer,
      allowRequest: (_, answer) => answer(this.#refusing ? "restart" : null, !this.#refusing),
    });
    this.on("connection", (session: Socket) => opened(new Link(session, this.#wires)));
  }

  /** No new sessions from here on. */
  refuse(): void {
    this.#refusing = true;
  }

  protected override createTransport(
    name: "polling" | "websocket" | "webtransport",
    request: IncomingMessage & { readonly websocket?: WebSocket },
  ): Transport {
    const transport = super.createTransport(name, request);
    const { websocket: ws, socket } = request;
    if (ws !== undefined) this.#wires.set(transport, { ws, socket });
    return transport;
  }
}

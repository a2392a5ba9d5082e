import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { Server, type Socket, type Transport } from "engine.io";
import { type WebSocket, WebSocketServer } from "ws";
import { queryOf } from "../../http/scopes.ts";
import { Link, type Wire } from "./link.ts";

export interface EngineLimits {
  readonly heartbeatSeconds: number;
  readonly maxFrameBytes: number;
}

/** Engine.IO with what it needs to say which socket a transport is. */
export class Engine extends Server {
  readonly #wires = new WeakMap<Transport, Wire>();
  #refusing = false;

  readonly #isOurs: (session: string) => boolean;

  /** @param isOurs whether requests that go on with a session of that name come to this process */
  constructor(
    { heartbeatSeconds, maxFrameBytes }: EngineLimits,
    isOurs: (session: string) => boolean,
    opened: (link: Link) => void,
  ) {
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
      allowRequest: (request, answer) => {
        const refusal = this.#refusing ? "restart" : isJsonp(request) ? "no JSONP" : null;
        answer(refusal, refusal === null);
      },
    });
    this.#isOurs = isOurs;
    this.on("connection", (session: Socket) => opened(new Link(session, this.#wires)));
  }

  /** No new sessions from here on. */
  refuse(): void {
    this.#refusing = true;
  }

  override async generateId(request: IncomingMessage): Promise<string> {
    for (;;) {
      const id: string = await super.generateId(request);
      if (this.#isOurs(id)) return id;
    }
  }

  override handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    super.handleUpgrade(slim(request, socket), socket, head);
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

/** Any web page may load a script, from wherever it is; no client of today's needs this. */
const isJsonp = ({ url }: IncomingMessage): boolean => queryOf(url).j !== undefined;

const NEEDED_HEADERS = [
  "upgrade",
  "sec-websocket-version",
  "sec-websocket-key",
  "sec-websocket-extensions",
  "authorization",
  "x-user-id",
] as const;

/** What engine.io and ws read of an upgrade's request, and no more: they keep it for as long as the connection lives. */
function slim({ method, url, headers }: IncomingMessage, socket: Duplex): IncomingMessage {
  const needed = Object.fromEntries(
    NEEDED_HEADERS.filter((name) => headers[name] !== undefined).map((name) => [name, headers[name]]),
  );
  return { method, url, headers: needed, socket, connection: socket } as unknown as IncomingMessage;
}

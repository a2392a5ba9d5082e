import { textFrameHead } from "../../../http/frames.ts";
import type { Visited } from "../../../http/heartbeat.ts";
import type {
  WebSocketCloseCode,
  WebSocketEvents,
  WebSocketTransport,
} from "../../../http/websocket-transport.ts";
import { OverWebSocket } from "../over-websocket.ts";
import type { ByteTransport, OutFrame, TransportEvents } from "../transport.ts";
import { arrayFrame, closeFrame, HEARTBEAT, OPEN, readMessages } from "./framing.ts";
import type { SessionTimes } from "./polling-session.ts";

/** SockJS over a WebSocket of its own: the session is the connection, whatever its id. */
export class SockJsSocket extends OverWebSocket implements WebSocketEvents, Visited {
  readonly spelling = "json";
  readonly #times: SessionTimes;
  readonly #events: TransportEvents;
  readonly #forget: (socket: SockJsSocket) => void;
  #wroteAt = 0;
  #isBroken = false;

  constructor(
    socket: WebSocketTransport,
    times: SessionTimes,
    opened: (transport: ByteTransport) => TransportEvents,
    forget: (socket: SockJsSocket) => void,
  ) {
    super(socket);
    this.#times = times;
    this.#forget = forget;
    this.#send([OPEN]);
    this.#events = opened(this);
  }

  write(frames: readonly OutFrame[]): void {
    if (frames.length > 0) this.#send(arrayFrame(frames));
  }

  override close(code: WebSocketCloseCode, reason: string): void {
    this.#send([closeFrame(code, reason)]);
    super.close(code, reason);
  }

  text(data: string): void {
    if (data === "" || this.#isBroken) return;
    const messages = readMessages(data);
    if (messages === null) this.#broken();
    else for (const message of messages) this.#events.received(Buffer.from(message));
  }

  binary(): void {
    this.#broken();
  }

  alive(): void {
    this.#events.alive();
  }

  closed(): void {
    this.#forget(this);
    this.#events.closed();
  }

  visit(): void {
    const { heartbeatMs, visitMs } = this.#times;
    if (performance.now() - this.#wroteAt + visitMs > heartbeatMs) this.#send([HEARTBEAT]);
  }

  #broken(): void {
    this.#isBroken = true;
    this.socket.close(1002, "Broken framing.");
  }

  #send(parts: readonly Buffer[]): void {
    this.#wroteAt = performance.now();
    let bytes = 0;
    for (const part of parts) bytes += part.length;
    this.socket.write([textFrameHead(bytes), ...parts]);
  }
}

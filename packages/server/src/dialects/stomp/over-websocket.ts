import type { WebSocketCloseCode, WebSocketTransport } from "../../http/websocket-transport.ts";
import type { ByteTransport, OutFrame, Spelling } from "./transport.ts";

/** STOMP over a WebSocket; how frames stand in its messages is said by whoever extends it. */
export abstract class OverWebSocket implements ByteTransport {
  abstract readonly spelling: Spelling;
  protected readonly socket: WebSocketTransport;

  constructor(socket: WebSocketTransport) {
    this.socket = socket;
  }

  abstract write(frames: readonly OutFrame[]): void;

  get buffered(): number {
    return this.socket.buffered;
  }

  drained(): Promise<void> {
    return this.socket.drained();
  }

  ping(): boolean {
    this.socket.ping();
    return true;
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  close(code: WebSocketCloseCode, reason: string): void {
    this.socket.close(code, reason);
  }

  cut(): void {
    this.socket.cut();
  }
}

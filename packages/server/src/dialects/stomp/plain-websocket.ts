import { textFrameHead } from "../../http/frames.ts";
import type { UpgradeRequest } from "../../http/upgrades.ts";
import { createWebSocketAcceptor } from "../../http/websocket-transport.ts";
import { OverWebSocket } from "./over-websocket.ts";
import type { ByteTransport, OutFrame, TransportEvents } from "./transport.ts";

/** Subprotocols, the newest first. */
const SUBPROTOCOLS = ["v12.stomp", "v11.stomp", "v10.stomp"] as const;

/** Opens what carries STOMP frames over a WebSocket without anything between. */
export function createPlainWebSocket(
  maxMessageBytes: number,
): (upgrade: UpgradeRequest, opened: (transport: ByteTransport) => TransportEvents) => void {
  const acceptor = createWebSocketAcceptor({
    maxFrameBytes: maxMessageBytes,
    protocols: (offered) => SUBPROTOCOLS.find((known) => offered.has(known)) ?? false,
  });
  return (upgrade, opened) =>
    acceptor.accept(upgrade, (socket) => {
      const events = opened(new PlainWebSocket(socket));
      return {
        text: (data) => events.received(Buffer.from(data)),
        binary: (data) => events.received(data),
        alive: () => events.alive(),
        closed: () => events.closed(),
      };
    });
}

/** One frame is one WebSocket message: not every client looks for a second one in it. */
class PlainWebSocket extends OverWebSocket {
  readonly spelling = "plain";

  write(frames: readonly OutFrame[]): void {
    const parts: Buffer[] = [];
    for (const frame of frames) {
      let bytes = 0;
      for (const part of frame) bytes += part.length;
      parts.push(textFrameHead(bytes), ...frame);
    }
    if (parts.length > 0) this.socket.write(parts);
  }
}

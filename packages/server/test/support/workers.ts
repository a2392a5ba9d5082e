import { once } from "node:events";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { createExchange } from "../../src/workers/exchange.ts";
import { createMembership, type Membership } from "../../src/workers/membership.ts";
import { connectPeer, type Peer, type Port } from "../../src/workers/peer.ts";

export interface Members {
  readonly members: readonly [Membership, Membership];
  close(): Promise<void>;
}

/** Two workers' ends of one exchange, over lines that copy what they carry as IPC does. */
export function joinExchange(): Members {
  const exchange = createExchange(Date.now, () => performance.now());
  const lines: MessagePort[] = [];
  const join = (): Membership => {
    const { port1, port2 } = new MessageChannel();
    lines.push(port1, port2);
    const seat = exchange.join();
    seat.connected(connectPeer(portOf(port1), seat.serve));
    const membership = createMembership((): Peer => peer);
    const peer = connectPeer(portOf(port2), membership.serve);
    return membership;
  };
  return {
    members: [join(), join()],
    async close() {
      await Promise.all(
        lines.map(async (line) => {
          const closed = once(line, "close");
          line.close();
          await closed;
        }),
      );
    },
  };
}

const portOf = (line: MessagePort): Port => ({
  post: (message) => line.postMessage(message),
  listen: (heard) => void line.on("message", heard),
});

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface Cutter {
  /** Where it listens; what comes there goes on to the server. */
  readonly url: string;
  /** All that is open now ends, without a word. */
  cut(): void;
  /** Nothing comes through from now on, or again. */
  down(isDown: boolean): void;
  /** What the server says is left with the server, or comes again. */
  stall(isStalled: boolean): void;
  close(): Promise<void>;
}

/** Stands between clients and a server, as a network that is not always there. */
export async function openCutter(serverUrl: () => string): Promise<Cutter> {
  const open = new Set<Socket>();
  let isDown = false;
  const far = new Set<Socket>();
  const server = createServer((near) => {
    const { hostname, port } = new URL(serverUrl());
    const other = connect(Number(port), hostname);
    far.add(other);
    for (const [socket, peer] of [
      [near, other],
      [other, near],
    ] as const) {
      open.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        open.delete(socket);
        far.delete(socket);
        peer.destroy();
      });
    }
    if (isDown) near.destroy();
    else near.pipe(other).pipe(near);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    down(down) {
      isDown = down;
      if (down) cut();
    },
    stall(isStalled) {
      for (const socket of far) {
        if (isStalled) socket.pause();
        else socket.resume();
      }
    },
    async close() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

import { once } from "node:events";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";

export interface LossyProxy extends AsyncDisposable {
  readonly url: string;
  /** Frames from the server that are to be something else, or null: lost. */
  frame: (text: string) => string | null;
}

/** Between a client and a server, frame by frame: what a network cannot do to a WebSocket, but a fault could. */
export async function openLossyProxy(serverUrl: string): Promise<LossyProxy> {
  const sockets = new WebSocketServer({ noServer: true });
  const server = createServer((incoming, outgoing) => {
    const forward = request(
      serverUrl + incoming.url,
      { method: incoming.method, headers: incoming.headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      },
    );
    forward.on("error", () => outgoing.destroy());
    incoming.pipe(forward);
  });
  server.on("upgrade", (incoming, socket, head) => {
    sockets.handleUpgrade(incoming, socket, head, (near) => {
      const far = new WebSocket(serverUrl.replace("http", "ws") + incoming.url);
      const opened = once(far, "open");
      near.on("message", (data) => void opened.then(() => far.send(String(data))));
      far.on("message", (data) => {
        const text = proxy.frame(String(data));
        if (text !== null) near.send(text);
      });
      near.on("close", () => far.terminate());
      far.on("close", () => near.terminate());
      far.on("error", () => near.terminate());
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy: LossyProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    frame: (text) => text,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

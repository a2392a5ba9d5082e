import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import type { NaiveOptions } from "./naive.ts";
import { openNaiveStore } from "./naive-store.ts";

type Frame = { e: "open"; users: string[] } | { e: "send"; c: string; from: string; m: string; text: string };

const options = JSON.parse(process.argv[2] ?? "{}") as NaiveOptions;
const store = await openNaiveStore(options);
const sockets = new Map<string, WebSocket>();
const conversations = new Map<string, string[]>();

const server = createServer();
const websockets = new WebSocketServer({ server, perMessageDeflate: false, maxPayload: 4 * 1024 * 1024 });

websockets.on("connection", (socket, request) => {
  const user = new URL(request.url ?? "/", "http://localhost").searchParams.get("user") ?? "";
  sockets.set(user, socket);
  socket.on("close", () => sockets.delete(user));
  socket.on("message", (data) => {
    const frame = JSON.parse(String(data)) as Frame;
    if (frame.e === "open") {
      const c = String(conversations.size + 1);
      conversations.set(c, frame.users);
      socket.send(JSON.stringify({ e: "opened", c }));
      return;
    }
    const { c, from, m, text } = frame;
    const tell = (id: number) => {
      socket.send(JSON.stringify({ e: "ack", c, id, m }));
      const event = JSON.stringify({ e: "receive", c, id, from, m, text, at: Date.now() });
      for (const member of conversations.get(c) ?? []) {
        if (member !== user) sockets.get(member)?.send(event);
      }
    };
    const stored = store(c, from, m, text);
    if (typeof stored === "number") tell(stored);
    else void stored.then(tell);
  });
});

server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => {
  console.log(`listening on ${(server.address() as AddressInfo).port}`);
});
process.on("SIGTERM", () => process.exit(0));

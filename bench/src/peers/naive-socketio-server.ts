import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server } from "socket.io";
import type { NaiveOptions } from "./naive.ts";
import { openNaiveStore } from "./naive-store.ts";

const options = JSON.parse(process.argv[2] ?? "{}") as NaiveOptions;
const store = await openNaiveStore(options);
let conversations = 0;

const server = createServer();
const io = new Server(server, {
  transports: ["websocket"],
  maxHttpBufferSize: 4 * 1024 * 1024,
  serveClient: false,
});

io.on("connection", (socket) => {
  const user = String(socket.handshake.query.user);
  void socket.join(`user:${user}`);
  socket.on("open", (body: { users: string[] }) => {
    const c = String(++conversations);
    for (const each of body.users) io.in(`user:${each}`).socketsJoin(c);
    socket.emit("opened", { c });
  });
  socket.on("send", (body: { c: string; from: string; m: string; text: string }) => {
    const tell = (id: number) => {
      socket.emit("ack", { c: body.c, id, m: body.m });
      socket.to(body.c).emit("receive", { ...body, id, at: Date.now() });
    };
    const stored = store(body.c, body.from, body.m, body.text);
    if (typeof stored === "number") tell(stored);
    else void stored.then(tell);
  });
});

server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => {
  console.log(`listening on ${(server.address() as AddressInfo).port}`);
});
process.on("SIGTERM", () => process.exit(0));

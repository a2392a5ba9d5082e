import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createClient } from "redis";

/** What one writes first for such a queue: a bare HTTP server that checks three fields and appends to one stream. */
const client = createClient({ url: process.argv[2] as string });
await client.connect();

const server = createServer((request, response) => {
  let body = "";
  request.setEncoding("utf8");
  request.on("data", (chunk: string) => {
    body += chunk;
  });
  request.on("end", () => {
    const { sender_id, receiver_id, content } = JSON.parse(body) as Record<string, string>;
    if (!sender_id || !receiver_id || !content) {
      response.writeHead(400, { "content-length": 0 }).end();
      return;
    }
    const message_id = crypto.randomUUID();
    client.xAdd("queue", "*", { message_id, sender_id, receiver_id, content }).then(() => {
      const answer = JSON.stringify({ message: "Message queued for delivery", message_id });
      response
        .writeHead(202, { "content-type": "application/json", "content-length": Buffer.byteLength(answer) })
        .end(answer);
    });
  });
});
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => {
  console.log(`listening on ${(server.address() as AddressInfo).port}`);
});
process.on("SIGTERM", () => process.exit(0));

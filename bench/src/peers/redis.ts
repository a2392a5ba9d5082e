import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { freePort, startChild, stopChild, waitFor } from "./child.ts";

export type RedisServer = { url: string; stop(): Promise<void> };

/** As durable as the queue asks for: every answer is synced. Its processes name `directory`. */
export async function startRedis(directory: string): Promise<RedisServer> {
  const place = join(directory, "redis");
  mkdirSync(place, { recursive: true });
  const port = await freePort();
  const file = join(place, "redis.conf");
  // With its title left alone its command line names the directory.
  const lines = [`bind 127.0.0.1`, `port ${port}`, `dir ${place}`, `save ""`, "set-proc-title no"];
  writeFileSync(file, [...lines, "appendonly yes", "appendfsync always", ""].join("\n"));
  const child = startChild("redis-server", [file], { log: join(place, "redis.log") });
  await waitFor(child, "Redis", () => answers(port));
  return { url: `redis://127.0.0.1:${port}`, stop: () => stopChild(child, "SIGTERM") };
}

function answers(port: number): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.on("error", () => resolve(undefined));
    socket.on("connect", () => socket.write("PING\r\n"));
    socket.on("data", () => {
      socket.destroy();
      resolve(true);
    });
  });
}

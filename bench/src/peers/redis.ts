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
  writeFileSync(
    file,
    `bind 127.0.0.1\nport ${port}\ndir ${place}\nsave ""\nappendonly yes\nappendfsync always\n`,
  );
  // Redis writes its own command line anew, without the file's path; this one's it leaves alone.
  const child = startChild("sh", ["-c", `redis-server "${file}" & trap 'kill $!' TERM; wait; wait`, place], {
    log: join(place, "redis.log"),
  });
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

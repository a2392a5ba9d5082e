import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DriverName } from "../generator/drivers/driver.ts";
import { startChild, stopChild, waitFor } from "./child.ts";
import type { Durability, Peer, Running } from "./peer.ts";
import { type Postgres, startPostgres } from "./postgres.ts";

type Entry = "naive-ws-server.ts" | "naive-socketio-server.ts";

/** What a naive server is told on its command line, as JSON. Without a database it keeps nothing. */
export type NaiveOptions = {
  database?: { host: string; user: string; database: string; connections: number };
};

function naive(name: string, entry: Entry, driver: DriverName, connections: number): Peer {
  const durability: Durability = connections > 0 ? "committed" : "memory";
  return {
    name,
    driver,
    durability,
    async start(directory): Promise<Running> {
      mkdirSync(directory, { recursive: true });
      const postgres: Postgres | undefined = connections > 0 ? await startPostgres(directory) : undefined;
      const options: NaiveOptions = postgres
        ? { database: { host: directory, user: "postgres", database: "postgres", connections } }
        : {};
      const script = fileURLToPath(new URL(`./${entry}`, import.meta.url));
      const child = startChild(process.execPath, ["--inspect-port=0", script, JSON.stringify(options)], {
        log: join(directory, "server.log"),
      });
      const port = await waitFor(child, name, () => {
        const match = /listening on (\d+)/.exec(child.output());
        return match ? Number(match[1]) : undefined;
      });
      return {
        port,
        pid: child.pid,
        directory,
        output: child.output,
        async stop() {
          await stopChild(child, "SIGTERM");
          await postgres?.stop();
        },
        async crash() {
          child.kill("SIGKILL");
          await postgres?.crash();
        },
      };
    },
  };
}

/** What people write first: one INSERT per message, autocommitted, then the ack and the delivery. */
export const naiveWsPool = naive("ws + INSERT, pool of 10", "naive-ws-server.ts", "naive-ws", 10);
export const naiveWsOne = naive("ws + INSERT, 1 connection", "naive-ws-server.ts", "naive-ws", 1);
export const naiveSocketio = naive("Socket.IO + INSERT", "naive-socketio-server.ts", "naive-socketio", 10);

/** Nothing stored: what the libraries themselves cost. */
export const bareWs = naive("bare ws loop", "naive-ws-server.ts", "naive-ws", 0);
export const bareSocketio = naive("io.to(room).emit", "naive-socketio-server.ts", "naive-socketio", 0);

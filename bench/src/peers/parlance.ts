import { mkdirSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { freePort, killTree, startChild, stopChild, waitFor } from "./child.ts";
import type { Peer, Running } from "./peer.ts";

function isReady(port: number): Promise<true | undefined> {
  return new Promise((resolve) => {
    const request = get({ host: "127.0.0.1", port, path: "/ready", agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200 ? true : undefined);
    });
    request.on("error", () => resolve(undefined));
  });
}

/** The server of the checkout at `root`, started as a user starts it: options by environment, nothing else. */
export function parlance(
  root: string,
  name = "Parlance",
  options: Readonly<Record<string, string>> = {},
): Peer {
  return {
    name,
    driver: "websocket",
    durability: "committed",
    async start(directory): Promise<Running> {
      mkdirSync(directory, { recursive: true });
      const port = await freePort();
      const data = join(directory, "data");
      const child = startChild(process.execPath, [join(root, "packages/server/src/main.ts")], {
        log: join(directory, "server.log"),
        cwd: directory,
        env: {
          PATH: process.env.PATH,
          HOME: process.env.HOME,
          PORT: String(port),
          HOST: "127.0.0.1",
          DATA_DIR: data,
          // The standard 1,000 guards against one client; here one client stands for many.
          MAX_FRAMES_PER_SECOND: "100000",
          ...options,
          // Costs nothing until the bench asks for the inspector, to collect garbage or to profile.
          NODE_OPTIONS: "--inspect-port=0",
        },
      });
      await waitFor(child, name, () => isReady(port));
      return {
        port,
        pid: child.pid,
        directory: data,
        output: child.output,
        stop: () => stopChild(child, "SIGTERM"),
        crash: () => killTree(child.pid, data),
      };
    },
  };
}

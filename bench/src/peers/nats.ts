import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, killTree, programOf, startChild, stopChild, versionOf, waitFor } from "./child.ts";
import type { Peer, Running } from "./peer.ts";

const program = (): string | undefined => programOf("nats-server");

/** NATS as its package has it, with its WebSocket listener. */
export const nats: Peer = {
  name: "NATS over WebSocket",
  driver: "nats",
  durability: "memory",
  version() {
    const file = program();
    return file && versionOf(file, "--version");
  },
  async start(directory): Promise<Running> {
    mkdirSync(directory, { recursive: true });
    const [port, own] = [await freePort(), await freePort()];
    const file = join(directory, "nats.conf");
    writeFileSync(
      file,
      `listen: "127.0.0.1:${own}"\nwebsocket { listen: "127.0.0.1:${port}", no_tls: true }\n`,
    );
    const child = startChild(program() as string, ["-c", file], { log: join(directory, "nats.log") });
    await waitFor(child, this.name, () => (child.output().includes("Server is ready") ? true : undefined));
    return {
      port,
      pid: child.pid,
      directory,
      output: child.output,
      stop: () => stopChild(child, "SIGTERM"),
      crash: () => killTree(child.pid, directory),
    };
  },
};

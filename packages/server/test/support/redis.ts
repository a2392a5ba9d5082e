import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe } from "vitest";
import { parseRedisUrl, type RedisAddress } from "../../src/config/redis-url.ts";

/** Null where there is no redis-server; then what needs it is skipped. */
export const redisVersion = findVersion();

function findVersion(): string | null {
  try {
    return /v=(\S+)/.exec(execFileSync("redis-server", ["--version"], { encoding: "utf8" }))?.[1] ?? null;
  } catch {
    return null;
  }
}

/** `describe` for what needs Redis: skipped, and said so by name, where there is none. */
export function describeWithRedis(name: string, tests: () => void): void {
  if (redisVersion !== null) describe(name, tests);
  else describe.skip(`${name} (skipped: no redis-server on this machine)`, tests);
}

export interface TestRedis extends AsyncDisposable {
  readonly url: string;
  readonly address: RedisAddress;
  readonly port: number;
  readonly pid: number;
  /** SIGKILL unless told otherwise; resolves when it has ended. SIGSTOP and SIGCONT resolve at once. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** On the same port and directory; resolves when it answers. */
  start(): Promise<void>;
  /** One command by hand, past our own code, such as `["FLUSHALL"]`; answers with what redis-cli prints. */
  cli(args: readonly string[]): string;
  /** Ends it and removes its directory. */
  close(): Promise<void>;
}

export interface RedisSettings {
  /** Whether it survives `kill -9`: `always` with all it has answered; `no` (the default) with nothing. */
  readonly appendFsync?: "no" | "everysec" | "always";
  /** More lines of redis.conf, such as `["requirepass secret"]`. */
  readonly lines?: readonly string[];
}

/** A redis-server of its own, on a port and in a directory of its own; resolves when it answers. */
export async function startRedis(settings: RedisSettings = {}): Promise<TestRedis> {
  const { appendFsync = "no", lines = [] } = settings;
  const persistent = appendFsync === "no" ? [] : ["appendonly yes", `appendfsync ${appendFsync}`];
  return await startProcess(["save ''", ...persistent, ...lines], []);
}

/** Three masters, or as many as are asked for, and what names them all. */
export async function startRedisCluster(masters = 3): Promise<{
  readonly url: string;
  readonly address: RedisAddress;
  readonly nodes: readonly TestRedis[];
  close(): Promise<void>;
}> {
  const lines = ["cluster-enabled yes", "cluster-node-timeout 2000", "save ''", "appendonly yes"];
  const nodes = await Promise.all(Array.from({ length: masters }, () => startProcess(lines, [])));
  const hosts = nodes.map(({ port }) => `127.0.0.1:${port}`);
  execFileSync("redis-cli", ["--cluster", "create", ...hosts, "--cluster-yes"]);
  for (const node of nodes) {
    await until(async () => node.cli(["CLUSTER", "INFO"]).includes("cluster_state:ok"));
  }
  const url = `redis+cluster://${hosts.join(",")}`;
  return {
    url,
    address: parseRedisUrl(url) as RedisAddress,
    nodes,
    async close() {
      await Promise.all(nodes.map((node) => node.close()));
    },
  };
}

/** A master, a replica and one sentinel that takes a second to see that the master is gone. */
export async function startRedisSentinel(): Promise<{
  readonly url: string;
  readonly address: RedisAddress;
  readonly master: TestRedis;
  readonly replica: TestRedis;
  close(): Promise<void>;
}> {
  const master = await startRedis();
  const replica = await startRedis({ lines: [`replicaof 127.0.0.1 ${master.port}`] });
  await until(async () => replica.cli(["INFO", "replication"]).includes("master_link_status:up"));
  const sentinel = await startProcess(
    [
      `sentinel monitor main 127.0.0.1 ${master.port} 1`,
      "sentinel down-after-milliseconds main 1000",
      "sentinel failover-timeout main 5000",
    ],
    ["--sentinel"],
  );
  await until(async () => sentinel.cli(["SENTINEL", "REPLICAS", "main"]).includes(String(replica.port)));
  const url = `redis+sentinel://127.0.0.1:${sentinel.port}/main`;
  return {
    url,
    address: parseRedisUrl(url) as RedisAddress,
    master,
    replica,
    async close() {
      await Promise.all([sentinel, replica, master].map((one) => one.close()));
    },
  };
}

async function startProcess(lines: readonly string[], flags: readonly string[]): Promise<TestRedis> {
  const directory = mkdtempSync(join(tmpdir(), "parlance-redis-"));
  const port = await freePort();
  const configuration = join(directory, "redis.conf");
  const all = [`port ${port}`, "bind 127.0.0.1", `dir ${directory}`, "daemonize no", ...lines];
  writeFileSync(configuration, `${all.join("\n")}\n`);
  const password = /^requirepass (\S+)$/m.exec(lines.join("\n"))?.[1];
  const login = password === undefined ? "" : `:${password}@`;
  const url = `redis://${login}127.0.0.1:${port}`;

  const cli = (args: readonly string[]): string =>
    execFileSync(
      "redis-cli",
      ["-p", String(port), ...(password === undefined ? [] : ["-a", password]), ...args],
      {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
        timeout: 10_000,
      },
    );
  let child: ChildProcess | null = null;
  const start = async (): Promise<void> => {
    child = spawn("redis-server", [configuration, ...flags], { stdio: "ignore" });
    await until(async () => {
      if (child?.exitCode !== null) throw new Error(`redis-server ended with ${child?.exitCode}`);
      return cli(["PING"]).startsWith("PONG");
    });
  };
  const kill = async (signal: NodeJS.Signals = "SIGKILL"): Promise<void> => {
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    if (signal !== "SIGSTOP" && signal !== "SIGCONT") await ended;
  };
  const close = async (): Promise<void> => {
    await kill();
    rmSync(directory, { recursive: true, force: true });
  };
  await start();
  return {
    url,
    address: parseRedisUrl(url) as RedisAddress,
    port,
    get pid() {
      return child?.pid as number;
    },
    kill,
    start,
    cli,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Below 55,536: a cluster's nodes talk on the port 10,000 above. */
async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    server.close();
    await once(server, "close");
    if (port < 55_536) return port;
  }
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let i = 0; ; i++) {
    const last = i >= 200;
    if (await isSo().catch((error: unknown) => (last ? Promise.reject(error) : false))) return;
    if (last) throw new Error("Redis does not come to be as expected");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, openSync, readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { delimiter, join } from "node:path";
import { processTree } from "../measure/process-usage.ts";

const LOG_TAIL = 2_000;

export type Child = {
  pid: number;
  /** Everything it has written so far, for messages about failures and for lines that are waited for. */
  output(): string;
  exited: Promise<void>;
  hasExited(): boolean;
  kill(signal: NodeJS.Signals): void;
};

/** A run that ends early, by a fault or Ctrl-C, leaves nothing behind. */
const alive = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

/** Starts a process whose output goes to `log`. */
export function startChild(
  command: string,
  argv: readonly string[],
  options: { log: string; env?: NodeJS.ProcessEnv; cwd?: string },
): Child {
  const log = openSync(options.log, "a");
  const child: ChildProcess = spawn(command, argv, {
    stdio: ["ignore", log, log],
    ...(options.env ? { env: options.env } : {}),
    ...(options.cwd ? { cwd: options.cwd } : {}),
  });
  alive.add(child);
  let gone = false;
  const exited = new Promise<void>((resolve) => {
    const settle = () => {
      gone = true;
      alive.delete(child);
      resolve();
    };
    child.once("exit", settle);
    child.once("error", settle);
  });
  return {
    pid: child.pid ?? 0,
    output: () => readFileSync(options.log, "utf8"),
    exited,
    hasExited: () => gone,
    kill: (signal) => {
      child.kill(signal);
    },
  };
}

/** Where servers are installed that not everybody has on their path. */
const SERVER_PLACES = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin"];

/** Where a program is that a machine may or may not have. */
export function programOf(name: string, before: readonly string[] = []): string | undefined {
  const places = [...before, ...(process.env.PATH ?? "").split(delimiter), ...SERVER_PLACES];
  return places.map((place) => join(place, name)).find((file) => existsSync(file));
}

/** What a program says its version is. */
export function versionOf(file: string, flag: string): string | undefined {
  const { stdout, stderr } = spawnSync(file, [flag], { encoding: "utf8" });
  return /\d+\.\d+[\d.]*/.exec(`${stdout}${stderr}`)?.[0];
}

/** Polls until `probe` answers other than undefined. @throws Error when the child ends or time is up. */
export async function waitFor<T>(
  child: Child,
  what: string,
  probe: () => T | undefined | Promise<T | undefined>,
  milliseconds = 60_000,
): Promise<T> {
  const limit = performance.now() + milliseconds;
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (child.hasExited()) throw new Error(`${what}: the process ended\n${child.output().slice(-LOG_TAIL)}`);
    if (performance.now() > limit) {
      throw new Error(`${what}: not within ${milliseconds / 1000} s\n${child.output().slice(-LOG_TAIL)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}

/** Asks with `signal` and, after fifteen seconds, no longer asks. */
export async function stopChild(child: Child, signal: NodeJS.Signals): Promise<void> {
  if (child.hasExited()) return;
  child.kill(signal);
  const force = setTimeout(() => child.kill("SIGKILL"), 15_000);
  await child.exited;
  clearTimeout(force);
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

/** Whether somebody takes connections there, as `waitFor` asks. */
export function isListening(port: number): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.on("error", () => resolve(undefined));
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}

/** Kills a server and all its processes at once; none gets to tidy up. Resolves when none is left. */
export async function killTree(pid: number, directory: string): Promise<void> {
  for (;;) {
    const alive = processTree(pid, directory).filter((each) => {
      try {
        process.kill(each, "SIGKILL");
        return true;
      } catch {
        return false;
      }
    });
    if (alive.length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

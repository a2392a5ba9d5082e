import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createMigratedDatabase, type TestDatabase } from "./postgres.ts";

export const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ServerProcess {
  readonly pid: number;
  /** Such as `http://127.0.0.1:40123`. */
  readonly url: string;
  readonly dataDir: string;
  /** Everything it has written so far, to either stream. */
  output(): string;
  signal(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ended>;
  /** SIGTERM unless told otherwise; resolves when it has ended. */
  stop(signal?: NodeJS.Signals): Promise<Ended>;
  /** A request with a JSON body, if any; the answer's body is parsed where it is JSON. */
  request(path: string, options?: RequestOptions): Promise<Answer>;
}

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // What a test knows of an answer it says by its expectations.
  // biome-ignore lint/suspicious/noExplicitAny: any shape may come
  readonly body: any;
}

/** What Node has compiled once it need not compile again: the hundreds of servers of a run start in two thirds of the time. */
const COMPILED = join(tmpdir(), "parlance-test-compiled");

/** Runs the program as a user would, without what this process has in its environment; does not wait for anything. */
export function spawnMain(argv: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
  return spawn(process.execPath, [MAIN, ...argv], {
    cwd: tmpdir(),
    env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: COMPILED, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Starts the server on a free port; resolves when it says where it listens. */
export async function startServer(
  env: Readonly<Record<string, string>> & { readonly DATA_DIR: string },
): Promise<ServerProcess> {
  const child = spawnMain([], { PORT: "0", ...env });
  let output = "";
  const ended = once(child, "close").then(([code, signal]) => ({ code, signal }) as Ended);
  const url = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      output += chunk.toString("utf8");
      const found = /listens on (http:\/\/\S+)/.exec(output);
      if (found?.[1] !== undefined) resolve(found[1]);
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    ended.then(({ code }) => reject(new Error(`the server ended with ${code}:\n${output}`)), reject);
  });
  return {
    pid: child.pid as number,
    url,
    dataDir: env.DATA_DIR,
    output: () => output,
    signal: (signal) => child.kill(signal),
    ended,
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      return await ended;
    },
    request: (path, options) => request(url + path, options),
  };
}

async function request(url: string, { method, headers, body }: RequestOptions = {}): Promise<Answer> {
  const response = await fetch(url, {
    method: method ?? (body === undefined ? "GET" : "POST"),
    headers: { ...(body !== undefined && { "content-type": "application/json" }), ...headers },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.startsWith("application/json") ?? false;
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
}

export interface Scene extends AsyncDisposable {
  readonly database: TestDatabase;
  readonly dataDir: string;
  /** One more server on this database. */
  start(env?: Readonly<Record<string, string>>): Promise<ServerProcess>;
  close(): Promise<void>;
}

/** A fresh database in the run's PostgreSQL, for any number of servers; `close` ends them all. */
export async function openScene(name: string): Promise<Scene> {
  const database = await createMigratedDatabase(name);
  const dataDir = scratchDirectory();
  const servers: ServerProcess[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.stop("SIGKILL")));
    await database.drop();
    rmSync(dataDir, { recursive: true, force: true });
  };
  return {
    database,
    dataDir,
    async start(env = {}) {
      const server = await startServer({ DATABASE_URL: database.url, DATA_DIR: dataDir, ...env });
      servers.push(server);
      return server;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Short: the embedded PostgreSQL has its socket in there. */
export function scratchDirectory(): string {
  return mkdtempSync(join(tmpdir(), "pl-"));
}

/** The process of the embedded PostgreSQL; throws where none was started. */
export function postgresPid(dataDir: string): number {
  return Number(readFileSync(join(dataDir, "postgres", "postmaster.pid"), "utf8").split("\n")[0]);
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../../../core/ports/log.ts";
import { StartupError } from "../../../core/ports/startup-error.ts";
import type { Binaries } from "./binaries.ts";
import { clusterPath, recordedStatus, removeStalePid } from "./cluster-directory.ts";
import type { DirectoryLock } from "./lock.ts";
import type { RunAs } from "./run-as.ts";
import { openServerLog } from "./server-log.ts";
import { settingArguments } from "./settings.ts";
import { removeStaleSocket, type SocketDirectory } from "./socket-directory.ts";
import { supervise } from "./supervisor.ts";

/** Replaying 2 GB of WAL takes a minute or two on a slow disk; a server that needs longer than this has another trouble. */
const READY_WITHIN_MS = 15 * 60_000;
const REPORT_EVERY_MS = 5_000;
/** The postmaster itself kills what has not ended 5 s after an immediate shutdown began. */
const KILL_AFTER_QUIT_MS = 7_000;

/** One run of `postgres` that answers. */
export interface ServerProcess {
  /** Settles when every process of it has ended, with the reason as far as it is known. */
  readonly ended: Promise<string>;
  /** Ends it without loss: in order within `timeoutMs`, else at once, to be repaired at the next start. */
  stop(timeoutMs: number): Promise<void>;
}

interface ServerOptions {
  readonly dataDir: string;
  readonly binaries: Binaries;
  readonly runAs: RunAs;
  readonly sockets: SocketDirectory;
  readonly settings: Readonly<Record<string, string>>;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Starts `postgres` under `lock` and resolves when it answers. Throws StartupError where it ends before. */
export async function startServer(options: ServerOptions, lock: DirectoryLock): Promise<ServerProcess> {
  const { dataDir, binaries, runAs, sockets } = options;
  removeStalePid(dataDir);
  removeStaleSocket(sockets);
  const serverLog = openServerLog(join(dataDir, "postgres.log"));
  const child = supervise(
    [
      join(binaries.directory, "postgres"),
      "-D",
      clusterPath(dataDir),
      ...settingArguments(sockets.path, options.settings),
    ],
    { runAs, sockets, logFd: serverLog.fd, lockFd: lock.fd },
  );
  const ended = child.ended.then((how) => {
    const words = serverLog.lastWords();
    serverLog.close();
    return `PostgreSQL ended with ${how}. ${words}`.trim();
  });
  const server = { ended, stop: (timeoutMs: number) => stopServer(child.signal, ended, timeoutMs) };
  const over = new AbortController();
  void ended.then(() => over.abort());
  const givenUp = AbortSignal.any([options.signal, over.signal]);
  const reason = await Promise.race([ended, untilReady(options, givenUp)]);
  if (reason === "ready") return server;
  if (reason === "not ready") await server.stop(0);
  const detail =
    reason === "not ready" ? `It was not ready within ${READY_WITHIN_MS / 60_000} minutes.` : reason;
  throw new StartupError(`The embedded PostgreSQL in ${dataDir} does not start. ${detail}`);
}

async function untilReady(
  { dataDir, log }: ServerOptions,
  givenUp: AbortSignal,
): Promise<"ready" | "not ready"> {
  const start = performance.now();
  let reported = start;
  for (;;) {
    if (recordedStatus(dataDir) === "ready") return "ready";
    if (givenUp.aborted) return "not ready";
    const now = performance.now();
    if (now - start > READY_WITHIN_MS) return "not ready";
    if (now - reported > REPORT_EVERY_MS) {
      reported = now;
      const seconds = Math.round((now - start) / 1000);
      log.info(
        { seconds, serverLog: join(dataDir, "postgres.log") },
        "PostgreSQL is still repairing its data",
      );
    }
    await delay(now - start < 1000 ? 5 : 100);
  }
}

/** Signals are repeated: one that comes before the server has its handlers in place is lost. */
async function stopServer(
  send: (name: "INT" | "QUIT" | "KILL") => void,
  ended: Promise<string>,
  timeoutMs: number,
): Promise<void> {
  for (const [name, patience] of [
    ["INT", timeoutMs],
    ["QUIT", KILL_AFTER_QUIT_MS],
  ] as const) {
    for (const deadline = performance.now() + patience; performance.now() < deadline; ) {
      send(name);
      const wait = Math.min(500, deadline - performance.now());
      if ((await settledWithin(ended, wait)) === true) return;
    }
  }
  send("KILL");
  await ended;
}

async function settledWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const timeout = new AbortController();
  try {
    return await Promise.race([
      promise.then(() => true),
      delay(Math.max(ms, 0), false, { signal: timeout.signal }),
    ]);
  } finally {
    timeout.abort();
  }
}

import { mkdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Log } from "../../../core/ports/log.ts";
import { StartupError } from "../../../core/ports/startup-error.ts";
import type { Binaries } from "./binaries.ts";
import { CLUSTER_USER, clusterPath, ensureCluster, recordedPid } from "./cluster-directory.ts";
import { ensureDatabase } from "./database.ts";
import { explainFileError } from "./file-errors.ts";
import { Keeper } from "./keeper.ts";
import { type DirectoryLock, lockFile } from "./lock.ts";
import { chooseRunAs, type RunAsKind, requireReach } from "./run-as.ts";
import { type ServerProcess, startServer } from "./server-process.ts";
import { SOCKET_PORT } from "./settings.ts";
import { type SocketDirectory, socketDirectory } from "./socket-directory.ts";

/** What `pg` needs to connect, whatever PGPORT and PGSSLMODE say. */
export interface ClusterConnection {
  /** The directory of the Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly ssl: false;
}

/** A PostgreSQL that runs. Whenever it ends by itself it is started again, and the log says so. */
export interface Cluster {
  readonly connection: ClusterConnection;
  /** As the server says it, such as "18.4". */
  readonly version: string;
  /** Resolves when the server's processes have ended and its socket is gone. */
  stop(): Promise<void>;
}

export interface ClusterOptions {
  /** PostgreSQL's data is `<dataDir>/postgres`, its log `<dataDir>/postgres.log`. */
  readonly dataDir: string;
  readonly log: Log;
  /** How long an orderly shutdown may take before an immediate one; 8 s. */
  readonly stopTimeoutMs?: number;
  /** How long to wait for the server of another process: one whose parent was killed ends within 9 s; 10 s. */
  readonly lockTimeoutMs?: number;
  /** PostgreSQL settings instead of ours (settings.ts). */
  readonly settings?: Readonly<Record<string, string>>;
  /** Instead of the first that works here. */
  readonly runAs?: RunAsKind;
}

/** Starts a PostgreSQL over `dataDir`, made if need be, and keeps it running. Throws StartupError. */
export async function startCluster(binaries: Binaries, options: ClusterOptions): Promise<Cluster> {
  const dataDir = resolve(options.dataDir);
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    return await start(binaries, { ...options, dataDir });
  } catch (error) {
    throw explainFileError(dataDir, error);
  }
}

async function start(binaries: Binaries, options: ClusterOptions): Promise<Cluster> {
  const { dataDir, log, settings = {}, stopTimeoutMs = 8_000 } = options;
  const neverAborted = new AbortController().signal;

  const { sockets, server, launch } = await underLock(options, neverAborted, async (lock) => {
    const runAs = await chooseRunAs(clusterPath(dataDir), options.runAs);
    await requireReach(runAs, dataDir, binaries.directory);
    const created = await ensureCluster({ dataDir, binaries, runAs, lockFd: lock.fd });
    log.info({ dataDir, created, runAs: runAs.kind }, "Starting PostgreSQL");
    const sockets = socketDirectory(clusterPath(dataDir), runAs.owner);
    const removeAndThrow = (error: unknown): never => {
      remove(sockets);
      throw error;
    };
    const launch = (held: DirectoryLock, signal: AbortSignal) =>
      startServer({ dataDir, binaries, runAs, sockets, settings, log, signal }, held);
    return { sockets, launch, server: await launch(lock, neverAborted).catch(removeAndThrow) };
  });

  const connection: ClusterConnection = {
    host: sockets.path,
    port: SOCKET_PORT,
    user: CLUSTER_USER,
    database: "parlance",
    ssl: false,
  };
  const version = await ensureDatabase(connection).catch(async (error: unknown) => {
    await server.stop(stopTimeoutMs);
    remove(sockets);
    throw new StartupError(`PostgreSQL in ${dataDir} runs and does not answer: ${(error as Error).message}`, {
      cause: error,
    });
  });
  log.info({ version }, "PostgreSQL is up");

  const relaunch = (signal: AbortSignal): Promise<ServerProcess> =>
    underLock(options, signal, (lock) => launch(lock, signal));
  const keeper = new Keeper(server, relaunch, log);
  let stopped: Promise<void> | undefined;
  return {
    connection,
    version,
    stop: () => {
      stopped ??= keeper.stop(stopTimeoutMs).then(() => remove(sockets));
      return stopped;
    },
  };
}

/** Runs `work` with the lock on the data directory; the processes it starts with the descriptor keep the lock. */
async function underLock<T>(
  { dataDir, log, lockTimeoutMs = 10_000 }: ClusterOptions,
  signal: AbortSignal,
  work: (lock: DirectoryLock) => Promise<T>,
): Promise<T> {
  const path = join(dataDir, "postgres.lock");
  const patience = Math.min(500, lockTimeoutMs);
  let lock = await lockFile(path, patience, signal);
  if (!lock && lockTimeoutMs > patience) {
    log.info({ dataDir }, "Waiting for another server to leave the data directory");
    lock = await lockFile(path, lockTimeoutMs - patience, signal);
  }
  if (!lock) {
    const pid = recordedPid(dataDir);
    throw new StartupError(
      `Another server is using the data directory ${dataDir}${pid ? ` (PostgreSQL is process ${pid})` : ""}. ` +
        "Stop it, or set DATA_DIR to another directory.",
    );
  }
  try {
    return await work(lock);
  } finally {
    lock.release();
  }
}

function remove({ path, temporary }: SocketDirectory): void {
  if (temporary) rmSync(path, { recursive: true, force: true });
}

import {
  chmodSync,
  chownSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { StartupError } from "../../../core/ports/startup-error.ts";
import type { Binaries } from "./binaries.ts";
import { type RunAs, run } from "./run-as.ts";
import { fullDisk, summary } from "./server-log.ts";

/** The superuser that `initdb` makes and all our sessions use. */
export const CLUSTER_USER = "parlance";

interface Cluster {
  readonly dataDir: string;
  readonly binaries: Binaries;
  readonly runAs: RunAs;
  /** The lock's descriptor: `initdb` holds it too, should we be killed meanwhile. */
  readonly lockFd: number;
}

export const clusterPath = (dataDir: string) => join(dataDir, "postgres");

/** Makes the data directory of PostgreSQL if there is none. Resolves to whether it did. Only for the holder of the lock. */
export async function ensureCluster(cluster: Cluster): Promise<boolean> {
  const path = clusterPath(cluster.dataDir);
  const { uid, gid } = cluster.runAs.owner;
  const existing = statSync(path, { throwIfNoEntry: false });
  if (existing && readdirSync(path).length > 0) {
    requireMajor(path, cluster.binaries.major);
    if (existing.uid !== uid) await changeOwner(path, uid, gid);
    return false;
  }
  await createCluster(cluster, path);
  return true;
}

/** `initdb` writes into a sibling that gets its name only when it is whole: an interrupted one leaves nothing behind. */
async function createCluster({ dataDir, binaries, runAs, lockFd }: Cluster, path: string): Promise<void> {
  const unfinished = `${path}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { mode: 0o700 });
  const { uid, gid } = runAs.owner;
  if (runAs.kind === "user") chownSync(unfinished, uid, gid);
  const { status, output } = await run(
    [
      ...runAs.prefix,
      join(binaries.directory, "initdb"),
      `--pgdata=${unfinished}`,
      `--username=${CLUSTER_USER}`,
      "--encoding=UTF8",
      ...localeArguments(binaries.major),
      "--data-checksums",
      // Whoever fills a WAL segment for the first time makes the next one, zeroed and synced, while all commits wait:
      // with 16 MB that was 60 ms every few seconds on a new server (p99 at 4,000 messages a second 29–38 ms, with
      // 1 MB 16 ms).
      "--wal-segsize=1",
      // Who can open the socket is already trusted: its directory is 0700, and a password would lie in a file
      // that the same user can read. Nothing else may connect, should anyone open a port.
      "--auth-local=trust",
      "--auth-host=reject",
      "--no-instructions",
    ],
    { ...(runAs.kind === "user" ? { uid, gid } : {}), inherit: lockFd },
  );
  if (status !== 0) {
    const reasons = [summary(output), fullDisk(dataDir)].filter(Boolean).join(" ");
    rmSync(unfinished, { recursive: true, force: true });
    throw new StartupError(
      `PostgreSQL's data directory ${path} could not be made (initdb: ${status === null ? "not run" : `status ${status}`}). ${reasons}${hintOnStatus(status)}`,
    );
  }
  renameSync(unfinished, path);
  syncDirectory(dataDir);
}

function syncDirectory(path: string): void {
  const fd = openSync(path, "r");
  fsyncSync(fd);
  closeSync(fd);
}

/** Byte order for speed and for the same order on every machine; character classes of Unicode for search and lower(). */
function localeArguments(major: number): string[] {
  if (major < 17) return ["--locale=C.UTF-8"];
  return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"];
}

/** A shell or `unshare` answers 126 or 127 where a program exists but cannot be run: here for want of its C library. */
function hintOnStatus(status: number | null): string {
  if (status !== null && status !== 126 && status !== 127) return "";
  return " The bundled programs need glibc; without it set DATABASE_URL to a PostgreSQL server of your own.";
}

function requireMajor(path: string, major: number): void {
  let found: string;
  try {
    found = readFileSync(join(path, "PG_VERSION"), "utf8").trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new StartupError(
      `${path} is not empty and holds no PostgreSQL data. Move it away, or set DATA_DIR to another directory.`,
    );
  }
  if (found === String(major)) return;
  throw new StartupError(
    `${path} was made by PostgreSQL ${found}, and this version of Parlance brings PostgreSQL ${major}, which cannot read it. ` +
      `Start the version of Parlance that brought PostgreSQL ${found}, export the data and import it into a new DATA_DIR.`,
  );
}

/** The directory itself last: its owner says that all below it is done. */
async function changeOwner(path: string, uid: number, gid: number): Promise<void> {
  const { status, output } = await run([
    "sh",
    "-c",
    'cd "$1" && find . -mindepth 1 -exec chown -h "$2" {} +',
    "sh",
    path,
    `${uid}:${gid}`,
  ]);
  if (status !== 0) throw notOurs(path, uid, summary(output));
  try {
    chownSync(path, uid, gid);
    chmodSync(path, 0o700);
  } catch (error) {
    throw notOurs(path, uid, (error as Error).message);
  }
}

function notOurs(path: string, uid: number, reason: string): StartupError {
  return new StartupError(
    `${path} belongs to another user and cannot be given to user id ${uid} (${reason}). ` +
      "Start Parlance as the user who made it, or set DATA_DIR to another directory.",
  );
}

/** What a killed server left. Its pid may belong to another process by now, so only the lock tells that it is gone. */
export function removeStalePid(dataDir: string): void {
  rmSync(join(clusterPath(dataDir), "postmaster.pid"), { force: true });
}

/** The pid of the server that has the directory, as far as it says; for messages only. */
export function recordedPid(dataDir: string): string | undefined {
  return readPidFile(dataDir)?.[0];
}

/** What the server says of itself: "starting" while it replays its log, then "ready". */
export function recordedStatus(dataDir: string): string | undefined {
  return readPidFile(dataDir)?.[7]?.trim();
}

/** Where the socket of the server that runs is. */
export function recordedSocketDirectory(dataDir: string): string | undefined {
  return readPidFile(dataDir)?.[4];
}

function readPidFile(dataDir: string): string[] | undefined {
  try {
    return readFileSync(join(clusterPath(dataDir), "postmaster.pid"), "utf8").split("\n");
  } catch {
    return undefined;
  }
}

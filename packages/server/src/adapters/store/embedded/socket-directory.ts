import { chownSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StartupError } from "../../../core/ports/startup-error.ts";
import type { RunAs } from "./run-as.ts";
import { SOCKET_PORT } from "./settings.ts";

/** `sun_path` holds 108 bytes with the closing NUL on Linux, 104 on macOS. */
const LONGEST_SOCKET_PATH = 103;

export interface SocketDirectory {
  readonly path: string;
  /** Made for this run and to be removed after it. */
  readonly temporary: boolean;
}

/**
 * The data directory of PostgreSQL itself (0700, nothing left elsewhere after a crash) where the socket's path fits;
 * a short directory of its own (0700) under the system's temporary one where it does not.
 */
export function socketDirectory(clusterPath: string, owner: RunAs["owner"]): SocketDirectory {
  if (fits(clusterPath)) return { path: clusterPath, temporary: false };
  const path = mkdtempSync(join(tmpdir(), "parlance-"));
  if (!fits(path)) {
    rmSync(path, { recursive: true });
    throw new StartupError(
      `Both the data directory and ${tmpdir()} have paths too long for a Unix socket. Set DATA_DIR to a shorter path.`,
    );
  }
  if (statSync(path).uid !== owner.uid) chownSync(path, owner.uid, owner.gid);
  return { path, temporary: true };
}

const fits = (directory: string) =>
  Buffer.byteLength(join(directory, `.s.PGSQL.${SOCKET_PORT}`)) <= LONGEST_SOCKET_PATH;

/** Only for the holder of the lock: a socket that a killed server left, and its lock file with a pid that may be reused. */
export function removeStaleSocket({ path }: SocketDirectory): void {
  for (const name of readdirSync(path)) {
    if (name.startsWith(".s.PGSQL.")) rmSync(join(path, name), { force: true });
  }
}

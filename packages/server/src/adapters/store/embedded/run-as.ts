import { spawn } from "node:child_process";
import { chmodSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { StartupError } from "../../../core/ports/startup-error.ts";

/**
 * The environment of every child. None of ours goes with it: PGPORT, PGTZ and the like would change what
 * PostgreSQL does, and our secrets have no business in its /proc entry. The last two entries are NixOS's.
 */
export const childEnvironment = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin:/run/wrappers/bin",
  LC_ALL: "C",
};

/** `nobody` on every current Linux. */
const NOBODY = 65534;

/**
 * As whom PostgreSQL runs, which refuses to be root:
 * - `self`: the user Parlance runs as.
 * - `namespace`: in a user namespace where it sees itself as `nobody` while files stay the caller's own, so
 *   that it works below a home that only its owner may enter.
 * - `user`: with another uid, over a directory of its own. Needs every parent directory and the binaries to
 *   be open to that user.
 */
export type RunAsKind = "self" | "namespace" | "user";

export interface RunAs {
  readonly kind: RunAsKind;
  /** Who must own the files. */
  readonly owner: { readonly uid: number; readonly gid: number };
  /** What to write before a command. */
  readonly prefix: readonly string[];
}

/**
 * @param clusterPath the data directory of PostgreSQL, which need not exist yet
 * @param forced instead of the first kind that works here
 */
export async function chooseRunAs(clusterPath: string, forced?: RunAsKind): Promise<RunAs> {
  const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const existing = statSync(clusterPath, { throwIfNoEntry: false });
  const kind = forced ?? (await firstThatWorks(self.uid, existing?.uid));
  if (kind === "self") return { kind, owner: self, prefix: [] };
  if (kind === "namespace") return { kind, owner: self, prefix: namespacePrefix };
  const ordinary = existing && isOrdinary(existing.uid) ? existing : { uid: NOBODY, gid: NOBODY };
  return { kind, owner: { uid: ordinary.uid, gid: ordinary.gid }, prefix: [] };
}

const namespacePrefix = ["unshare", "--user", `--map-user=${NOBODY}`, `--map-group=${NOBODY}`];

async function firstThatWorks(uid: number, clusterOwner: number | undefined): Promise<RunAsKind> {
  if (uid !== 0 && hasName()) return "self";
  // A directory that an ordinary user made stays that user's: one start under sudo must not take it away.
  if (uid === 0 && clusterOwner !== undefined && isOrdinary(clusterOwner)) return "user";
  if ((await run([...namespacePrefix, "true"])).status === 0) return "namespace";
  if (uid === 0) return "user";
  throw new StartupError(
    `The embedded PostgreSQL needs a user with a name, and user id ${uid} has none. ` +
      "Add it to /etc/passwd, run as another user, or set DATABASE_URL to a PostgreSQL server of your own.",
  );
}

const isOrdinary = (uid: number) => uid !== 0 && uid !== NOBODY;

/** `initdb` asks for the name of its user; containers are often started with a uid that has none. */
function hasName(): boolean {
  try {
    userInfo();
    return true;
  } catch {
    return false;
  }
}

/**
 * Makes sure that another user can reach what it must; for the other kinds there is nothing to check.
 * Opens `dataDir` itself for passing through (not for listing) where that is ours to do and needed: what stands in it
 * has its own permissions.
 */
export async function requireReach(runAs: RunAs, dataDir: string, binaryDirectory: string): Promise<void> {
  if (runAs.kind !== "user") return;
  const { uid, gid } = runAs.owner;
  const canEnter = async (path: string) =>
    (await run(["sh", "-c", 'cd "$1"', "sh", path], { uid, gid })).status === 0;
  if (!(await canEnter(dataDir))) {
    const { mode } = statSync(dataDir);
    chmodSync(dataDir, (mode & 0o7777) | 0o011);
    if (!(await canEnter(dataDir))) {
      throw outOfReach(uid, `the data directory ${dataDir}`, "Set DATA_DIR to one");
    }
  }
  if (!(await canEnter(binaryDirectory))) {
    throw outOfReach(uid, `its programs in ${binaryDirectory}`, "Install Parlance in a directory");
  }
}

function outOfReach(uid: number, what: string, wayOut: string): StartupError {
  return new StartupError(
    `PostgreSQL must not run as root, and user id ${uid}, as which it is started instead, cannot reach ${what}. ` +
      `${wayOut} whose parents may all be entered by others, or start Parlance as a user other than root.`,
  );
}

export interface Ended {
  /** The exit status; null where a signal ended it or it could not be started. */
  readonly status: number | null;
  /** Standard output and error together. */
  readonly output: string;
}

/** Runs a short command to its end. `inherit` is handed down as descriptor 3. */
export function run(
  command: readonly string[],
  options: { uid?: number; gid?: number; inherit?: number } = {},
): Promise<Ended> {
  const { inherit, ...identity } = options;
  return new Promise((resolve) => {
    const child = spawn(command[0]!, command.slice(1), {
      ...identity,
      cwd: "/",
      env: childEnvironment,
      stdio: ["ignore", "pipe", "pipe", inherit ?? "ignore"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (chunk: string) => {
        output += chunk;
      });
    }
    child.once("error", (error) => resolve({ status: null, output: error.message }));
    child.once("close", (status) => resolve({ status, output }));
  });
}

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { onTestFinished } from "vitest";
import { recordedPid } from "../../src/adapters/store/embedded/cluster-directory.ts";
import { lockFile } from "../../src/adapters/store/embedded/lock.ts";

/** A directory only its owner may enter, for one test. */
export function scratch(prefix = "parlance-embedded-"): string {
  const path = mkdtempSync(join(tmpdir(), prefix));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

export function serverPid(dataDir: string): number {
  return Number(recordedPid(dataDir));
}

export function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return Number(stat.slice(stat.lastIndexOf(")") + 1).split(" ")[2]);
}

/** The shells and the postmaster that were started for `dataDir`; the server's other processes show other titles. */
export function processesOf(dataDir: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
        return command.includes(join(dataDir, "postgres")) ? [`${pid} ${command}`] : [];
      } catch {
        return []; // It ended while we looked.
      }
    });
}

/** Resolves when no process of the server is left, to the milliseconds that took. */
export async function untilGone(dataDir: string): Promise<number> {
  const start = performance.now();
  const lock = await lockFile(join(dataDir, "postgres.lock"), 15_000, new AbortController().signal);
  if (!lock) throw new Error(`still running: ${processesOf(dataDir).join("\n")}`);
  lock.release();
  return performance.now() - start;
}

export interface Parent {
  readonly pid: number;
  /** The next line it wrote; an empty object when it has ended. */
  next(): Promise<Record<string, unknown>>;
  kill(signal: NodeJS.Signals): void;
}

/** Starts parent.ts in a process group of its own, as another user if `identity` says so. */
export function startParent(
  mode: "hold" | "once",
  dataDir: string,
  identity: { uid?: number; gid?: number } = {},
): Parent {
  const program = new URL("parent.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [program, mode, dataDir], {
    ...identity,
    cwd: "/",
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  return supervisedParent(child);
}

function supervisedParent(child: ChildProcessByStdio<null, Readable, null>): Parent {
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  return {
    pid: child.pid!,
    next: async () => {
      const { value, done } = await lines.next();
      return done ? {} : JSON.parse(value);
    },
    kill: (signal) => void process.kill(-child.pid!, signal),
  };
}

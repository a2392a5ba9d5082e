import { type SpawnOptions, spawn } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { StartupError } from "../../../core/ports/startup-error.ts";
import { childEnvironment } from "./run-as.ts";

/**
 * An exclusive flock. It belongs to the open file, not to a process: every process that inherited the
 * descriptor holds it, and it is free when the last of them has ended, however it ended.
 */
export interface DirectoryLock {
  /** To be inherited by the processes that are to hold the lock. */
  readonly fd: number;
  /** Closes our own descriptor; those who inherited it keep the lock. */
  release(): void;
}

/** `false` where the lock was not to be had within `timeoutMs`. */
export async function lockFile(
  path: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<DirectoryLock | false> {
  if (process.platform === "darwin") return lockByOpening(path, timeoutMs, signal);
  const fd = openSync(path, "a", 0o600);
  const taken = await flock(fd, timeoutMs, signal).catch((error: unknown) => {
    closeSync(fd);
    throw error;
  });
  if (taken) return { fd, release: () => closeSync(fd) };
  closeSync(fd);
  return false;
}

/** Node has no flock(2); flock(1) takes it on our own open file, where it stays when flock(1) has ended. */
function flock(fd: number, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
  const timedOut = 75;
  const seconds = String(Math.max(timeoutMs, 1) / 1000);
  const args = ["--exclusive", "--timeout", seconds, "--conflict-exit-code", String(timedOut), "3"];
  const options: SpawnOptions = { stdio: ["ignore", "ignore", "ignore", fd], env: childEnvironment, signal };
  return new Promise((resolve, reject) => {
    const child = spawn("flock", args, options);
    child.once("error", (error: NodeJS.ErrnoException) =>
      reject(
        error.code === "ENOENT"
          ? new StartupError(
              "The data directory cannot be locked: the command flock (package util-linux) is not installed.",
            )
          : error,
      ),
    );
    child.once("exit", (code) => {
      if (code === 0 || code === timedOut) resolve(code === 0);
      else reject(new StartupError(`The data directory cannot be locked: flock ended with status ${code}.`));
    });
  });
}

/** macOS has no flock(1), but open(2) there takes the same lock. */
async function lockByOpening(
  path: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<DirectoryLock | false> {
  const O_EXLOCK = 0x20;
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NONBLOCK | O_EXLOCK;
  for (const deadline = performance.now() + timeoutMs; ; ) {
    try {
      const fd = openSync(path, flags, 0o600);
      return { fd, release: () => closeSync(fd) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    }
    if (performance.now() >= deadline) return false;
    await delay(50, undefined, { signal });
  }
}

import { closeSync, fstatSync, openSync, readSync, renameSync, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";

/** The file is moved aside at a start when it is larger: a quiet server writes some 20 KB a day. */
const ROTATE_ABOVE_BYTES = 4 << 20;
const TAIL_BYTES = 8 << 10;

/**
 * PostgreSQL writes its log into a file and not into a pipe to us, because it outlives us for a moment when we are
 * killed, and a pipe without a reader would fail its writes.
 */
export interface ServerLog {
  readonly path: string;
  readonly fd: number;
  /** What was written since it was opened and says why the server ended; empty where nothing does. */
  lastWords(): string;
  close(): void;
}

export function openServerLog(path: string): ServerLog {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > ROTATE_ABOVE_BYTES)
    renameSync(path, `${path}.1`);
  const fd = openSync(path, "a+", 0o600);
  const from = fstatSync(fd).size;
  return {
    path,
    fd,
    lastWords: () => [summary(readFrom(fd, from)), fullDisk(dirname(path))].filter(Boolean).join(" "),
    close: () => closeSync(fd),
  };
}

function readFrom(fd: number, from: number): string {
  const { size } = fstatSync(fd);
  const start = Math.max(from, size - TAIL_BYTES);
  const buffer = Buffer.alloc(Math.max(size - start, 0));
  return buffer.toString("utf8", 0, readSync(fd, buffer, 0, buffer.length, start));
}

/**
 * The messages of the worst kind in the output of `postgres` or `initdb`, without their time and process: those that
 * ended it, else the errors, else the last three lines.
 */
export function summary(output: string): string {
  const lines = output
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  for (const worst of [/\b(?:FATAL|PANIC): +(.*)/, /\b(?:ERROR|error): +(.*)/]) {
    const found = lines.flatMap((line) => worst.exec(line)?.[1] ?? []);
    if (found.length > 0) return asSentences(found.slice(-3));
  }
  return asSentences(lines.slice(-3));
}

const asSentences = (lines: string[]) => lines.map((line) => line.replace(/[.]?$/, ".")).join(" ");

/** A full disk may have kept the very line that says so out of the log. PostgreSQL needs 16 MB for one WAL segment. */
export function fullDisk(directory: string): string {
  const { bavail, bsize } = statfsSync(directory);
  const freeMegabytes = Math.floor((bavail * bsize) / (1 << 20));
  return freeMegabytes < 16 ? `The disk that holds ${directory} is full (${freeMegabytes} MB left).` : "";
}

import { execFileSync } from "node:child_process";
import { cpus, freemem, loadavg, release, totalmem } from "node:os";
import { descriptorLimit } from "./process-usage.ts";

export type Machine = {
  cpus: number;
  model: string;
  memoryBytes: number;
  kernel: string;
  node: string;
  descriptors: number;
  /** What ran beside us when we began; above 0.5 the absolute figures are doubtful. */
  loadAtStart: number;
  freeBytesAtStart: number;
  commit: string;
};

function git(root: string, ...argv: string[]): string {
  try {
    return execFileSync("git", ["-C", root, ...argv], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return "";
  }
}

export function describeMachine(root: string): Machine {
  const changed = git(root, "status", "--porcelain", "--untracked-files=no") === "" ? "" : "+changes";
  return {
    cpus: cpus().length,
    model: cpus()[0]?.model ?? "unknown",
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
    descriptors: descriptorLimit(),
    loadAtStart: loadavg()[0] ?? 0,
    freeBytesAtStart: freemem(),
    commit: `${git(root, "rev-parse", "--short", "HEAD") || "no git"}${changed}`,
  };
}

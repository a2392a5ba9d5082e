import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";

const OURS = "@parlance";

/**
 * A node_modules for another checkout with the same lock file: every package is a link to the first one's,
 * but our own are the other checkout's, or it would be measured with this tree's protocol.
 */
function shareModules(root: string, other: string): void {
  const from = join(root, "node_modules");
  const to = join(other, "node_modules");
  mkdirSync(to);
  for (const name of readdirSync(from)) if (name !== OURS) symlinkSync(join(from, name), join(to, name));
  mkdirSync(join(to, OURS));
  for (const name of readdirSync(join(from, OURS))) {
    const folder = name === "bench" ? join(other, "bench") : join(other, "packages", name);
    if (existsSync(folder)) symlinkSync(folder, join(to, OURS, name));
  }
  for (const name of readdirSync(join(other, "packages"))) {
    const own = join(root, "packages", name, "node_modules");
    const place = join(other, "packages", name, "node_modules");
    if (existsSync(own) && lstatSync(own).isDirectory()) symlinkSync(own, place);
  }
}

/** Keeps to the lock's versions; `npm ci` would refuse a lock that was written on another platform. */
function installModules(directory: string): void {
  execFileSync("npm", ["install", "--no-audit", "--no-fund"], { cwd: directory, stdio: "inherit" });
}

/** Checks `ref` out into `directory` with its packages. @throws Error when git or npm refuse. */
export function addWorktree(root: string, ref: string, directory: string): { remove(): void } {
  const git = (...argv: string[]) =>
    execFileSync("git", ["-C", root, "worktree", ...argv], { stdio: "pipe" });
  const remove = () => {
    git("remove", "--force", directory);
  };
  git("add", "--detach", directory, ref);
  try {
    const lock = (at: string) => readFileSync(join(at, "package-lock.json"), "utf8");
    if (lock(root) === lock(directory)) shareModules(root, directory);
    else installModules(directory);
  } catch (error) {
    remove();
    throw error;
  }
  return { remove };
}

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const WEB = fileURLToPath(new URL("../../", import.meta.url));
const BUILDS = join(WEB, "../../node_modules/.cache/parlance-web");
const SOURCES = [
  "apps/web/{src,build,public}/**/*",
  "apps/web/*.{html,ts,json}",
  "packages/client/src/**/*.ts",
  "package-lock.json",
];

/** The app as it is built from the sources of now. Files of tests that run side by side share one build. */
export async function builtApp(): Promise<string> {
  const directory = join(BUILDS, hashOfSources());
  if (isThere(directory)) return directory;
  mkdirSync(BUILDS, { recursive: true });
  const own = mkdtempSync(join(BUILDS, "build-"));
  // A process of its own: this one says that it tests, and React would come as it is for that.
  const vite = join(WEB, "../../node_modules/vite/bin/vite.js");
  const env = { PATH: process.env.PATH, NODE_ENV: "production" };
  const options = ["build", "--logLevel", "error", "--emptyOutDir", "--outDir", own];
  await promisify(execFile)(process.execPath, [vite, ...options], { cwd: WEB, env });
  try {
    renameSync(own, directory);
  } catch {
    // Another was quicker: both are the same.
    rmSync(own, { recursive: true });
  }
  return directory;
}

const isThere = (directory: string): boolean => statSync(directory, { throwIfNoEntry: false }) !== undefined;

function hashOfSources(): string {
  const root = join(WEB, "../..");
  const hash = createHash("sha256");
  const files = globSync(SOURCES, { cwd: root }).toSorted();
  for (const file of files) {
    const path = join(root, file);
    if (statSync(path).isFile()) hash.update(file).update(readFileSync(path));
  }
  return hash.digest("hex").slice(0, 16);
}

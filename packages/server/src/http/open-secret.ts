import { randomBytes, randomUUID } from "node:crypto";
import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { StartupError } from "../core/ports/startup-error.ts";

const FILE = "open-mode-secret";

/** The secret of open mode's tokens, made on first use; only the owner may read its file. */
export async function readOrMakeOpenSecret(dataDir: string): Promise<string> {
  const known = await readOpenSecret(dataDir);
  if (known !== null) return known;
  const path = join(dataDir, FILE);
  const draft = `${path}.${randomUUID()}`;
  try {
    await mkdir(dataDir, { recursive: true });
    await writeFile(draft, `${randomBytes(48).toString("base64url")}\n`, { mode: 0o600, flag: "wx" });
    // Unlike a rename, a link never replaces: of two processes that start at once, both use the first one's.
    await link(draft, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
    await rm(draft);
  } catch (error) {
    throw new StartupError(
      `${path} cannot be written (${(error as NodeJS.ErrnoException).code}); name another DATA_DIR`,
    );
  }
  return (await readOpenSecret(dataDir))!;
}

/** The secret of a data directory that a server has been started on; null where none has. */
export async function readOpenSecret(dataDir: string): Promise<string | null> {
  const path = join(dataDir, FILE);
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return null;
    throw new StartupError(`${path} cannot be read (${code})`);
  }
}

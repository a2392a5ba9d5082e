import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { BlobError, type BlobSource, type Blobs } from "../../core/ports/blobs.ts";
import { exactly } from "./exactly.ts";

/** Files by key, in 256 directories by its first two characters. */
export function createDirectoryBlobs(root: string): Blobs {
  const pathOf = (key: string): string => {
    if (!/^[A-Za-z0-9][A-Za-z0-9.-]{3,127}$/.test(key)) throw new BlobError("missing", "key");
    return join(root, key.slice(0, 2), key);
  };

  return {
    async write(key, source) {
      const path = pathOf(key);
      const draft = `${path}.${randomUUID()}.draft`;
      try {
        await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        await writeSynced(draft, source);
        await rename(draft, path);
        await syncDirectory(dirname(path));
        await syncDirectory(root);
      } catch (error) {
        await rm(draft, { force: true });
        throw toBlobError(error);
      }
    },

    async read(key, { first, last }) {
      const file = await open(pathOf(key), "r").catch((error) => {
        throw toBlobError(error);
      });
      return createReadStream("", { fd: file, start: first, end: last });
    },

    async remove(keys) {
      for (const key of keys) {
        await rm(pathOf(key), { force: true }).catch((error) => {
          throw toBlobError(error);
        });
      }
    },

    link: async () => null,
  };
}

async function writeSynced(path: string, source: BlobSource): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    for await (const chunk of exactly(source)) await file.writeFile(chunk);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A new name is only there after a power failure when its directory is synced. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

const FULL = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

function toBlobError(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (typeof code !== "string" || error instanceof BlobError) return error;
  if (code === "ENOENT") return new BlobError("missing", code);
  return new BlobError(FULL.has(code) ? "full" : "unavailable", code);
}

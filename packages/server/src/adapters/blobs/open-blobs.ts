import { access, constants, mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Blobs } from "../../core/ports/blobs.ts";
import { StartupError } from "../../core/ports/startup-error.ts";
import { createDirectoryBlobs } from "./directory-blobs.ts";
import { createS3Blobs } from "./s3-blobs.ts";

export interface BlobsOptions {
  /** A directory or an `s3://` URL; null: in the data directory. */
  readonly url: string | null;
  readonly dataDir: string;
  readonly accessKeyId: string | null;
  readonly secretAccessKey: string | null;
}

const DEFAULT_REGION = "us-east-1";

/** The file store that BLOBS_URL names; rejects with a StartupError where it is a directory that cannot be written. */
export async function openBlobs({
  url,
  dataDir,
  accessKeyId,
  secretAccessKey,
}: BlobsOptions): Promise<Blobs> {
  if (url === null) return await openDirectory(join(dataDir, "blobs"));
  if (!url.startsWith("s3:")) return await openDirectory(resolve(url));
  const { host, pathname, searchParams } = new URL(url);
  const prefix = decodeURIComponent(pathname).replaceAll(/^\/+|\/+$/g, "");
  const region = searchParams.get("region") ?? DEFAULT_REGION;
  return createS3Blobs({
    name: host,
    prefix: prefix === "" ? "" : `${prefix}/`,
    endpoint: searchParams.get("endpoint") ?? `https://s3.${region}.amazonaws.com`,
    region,
    isPathStyle: searchParams.get("path-style") !== "off",
    isLinked: searchParams.get("redirect") !== "off",
    accessKeyId: accessKeyId ?? "",
    secretAccessKey: secretAccessKey ?? "",
  });
}

async function openDirectory(path: string): Promise<Blobs> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await access(path, constants.W_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new StartupError(`BLOBS_URL: files cannot be kept in ${path} (${code})`);
  }
  return createDirectoryBlobs(path);
}

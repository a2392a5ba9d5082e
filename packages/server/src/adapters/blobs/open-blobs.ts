import { join, resolve } from "node:path";
import type { Blobs } from "../../core/ports/blobs.ts";
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

/** The file store that BLOBS_URL names. */
export function openBlobs({ url, dataDir, accessKeyId, secretAccessKey }: BlobsOptions): Blobs {
  if (url === null) return createDirectoryBlobs(join(dataDir, "blobs"));
  if (!url.startsWith("s3:")) return createDirectoryBlobs(resolve(url));
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

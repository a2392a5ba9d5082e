import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join } from "node:path";

/** A file of the built app, as it is served. */
export interface WebFile {
  /** Such as `/assets/main-1a2b.js`. */
  readonly path: string;
  readonly type: string;
  readonly etag: string;
  /** By content coding; `identity` is always there. */
  readonly bodies: ReadonlyMap<Coding, Buffer>;
}

export type Coding = "br" | "gzip" | "identity";

const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".gif": "image/gif",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".jpg": "image/jpeg",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".webmanifest": "application/manifest+json",
  ".webp": "image/webp",
  ".woff2": "font/woff2",
};

/** The build writes these beside what they are made of. */
const SUFFIXES: Readonly<Record<Exclude<Coding, "identity">, string>> = { br: ".br", gzip: ".gz" };

/**
 * All files of a built app, read once: what is served is what was there at the start, and no path of a request ever
 * reaches the file system. Empty where there is no such directory.
 */
export function readBundle(directory: string): readonly WebFile[] {
  if (statSync(join(directory, "index.html"), { throwIfNoEntry: false }) === undefined) return [];
  const names = readdirSync(directory, { recursive: true, encoding: "utf8" });
  return names.flatMap((name) => {
    const type = TYPES[extname(name)];
    if (type === undefined) return [];
    const body = readFileSync(join(directory, name));
    const bodies = new Map<Coding, Buffer>([["identity", body]]);
    for (const [coding, suffix] of Object.entries(SUFFIXES)) {
      if (names.includes(name + suffix))
        bodies.set(coding as Coding, readFileSync(join(directory, name + suffix)));
    }
    return [{ path: `/${name}`, type, etag: etagOf(body), bodies }];
  });
}

/** Weak: the same for every content coding. */
export const etagOf = (body: Buffer): string =>
  `W/"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;

import { createHash } from "node:crypto";

const DIGITS = 12;

/**
 * With what the names of all keys and channels of one installation begin, so that several can share a Redis.
 * @param secret what all processes over one database share; it cannot be found from the name
 */
export function namespaceOf(secret: Buffer): string {
  return `parlance:${createHash("sha256").update(secret).digest("hex").slice(0, DIGITS)}`;
}

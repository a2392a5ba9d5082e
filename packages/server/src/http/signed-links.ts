import { createHmac, timingSafeEqual } from "node:crypto";
import { Refusal } from "@parlance/protocol/errors.ts";
import type { Caller } from "../core/caller.ts";

const LIFETIME_MS = 3_600_000;
/** Links made within one step are alike, so that a browser has what it fetched for the one before. */
const STEP_MS = 300_000;

/**
 * Links that say by themselves who follows them, for places that cannot send a token (`<img>`). They prove that we
 * told this user of this thing within the hour and permit nothing: what the user may have is asked when one is used.
 */
export interface SignedLinks {
  /** What to append to the path: `?user=…&expires=…&signature=…`, good for 55 to 60 minutes. */
  sign(path: string, userId: string): string;
  /** Who a link speaks for; null where the query has no signature. Refuses with `forbidden` what is not (or no longer) ours. */
  verify(path: string, query: unknown): Caller | null;
}

/**
 * @param key known to all processes that serve such links
 * @param now epoch milliseconds
 */
export function createSignedLinks(key: Buffer, now: () => number): SignedLinks {
  const signatureOf = (path: string, userId: string, expires: string): Buffer =>
    createHmac("sha256", key).update([path, userId, expires].join("\0")).digest();

  return {
    sign(path, userId) {
      const expires = String(Math.floor((now() + LIFETIME_MS) / STEP_MS) * STEP_MS);
      const signature = signatureOf(path, userId, expires).toString("base64url");
      return `?${new URLSearchParams({ user: userId, expires, signature })}`;
    },

    verify(path, query) {
      const { user, expires, signature } = query as Readonly<Record<string, unknown>>;
      if (signature === undefined) return null;
      const broken = new Refusal("forbidden", "The link is not valid, or not any more");
      if (typeof user !== "string" || typeof expires !== "string" || typeof signature !== "string")
        throw broken;
      const given = Buffer.from(signature, "base64url");
      const right = signatureOf(path, user, expires);
      if (given.length !== right.length || !timingSafeEqual(given, right)) throw broken;
      if (Number(expires) <= now()) throw broken;
      return { userId: user, name: null, rights: "user", expiresAt: Number(expires) };
    },
  };
}

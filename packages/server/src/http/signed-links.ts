import { createHmac, timingSafeEqual } from "node:crypto";
import { Refusal } from "@parlance/protocol/errors.ts";
import type { Caller } from "../core/caller.ts";

/** Of a link's life: those made within one step are alike, so that a browser has what it fetched for the one before. */
const STEPS = 12;

/**
 * Links that say by themselves who follows them, for places that cannot send a token (`<img>`). They prove that we
 * told this user of this thing not long ago and permit nothing: what the user may have is asked when one is used.
 */
export interface SignedLinks {
  /**
   * What to append to the path: `?user=…&expires=…&signature=…`, good for eleven twelfths of the lifetime or more, and
   * until when, in epoch milliseconds.
   */
  sign(path: string, userId: string): { readonly query: string; readonly expiresAt: number };
  /** Who a link speaks for; null where the query has no signature. Refuses with `forbidden` what is not (or no longer) ours. */
  verify(path: string, query: unknown): Caller | null;
}

/**
 * @param key known to all processes that serve such links
 * @param lifetimeMs of a link, at most
 * @param now epoch milliseconds
 */
export function createSignedLinks(key: Buffer, lifetimeMs: number, now: () => number): SignedLinks {
  const stepMs = lifetimeMs / STEPS;
  const signatureOf = (path: string, userId: string, expires: string): Buffer =>
    createHmac("sha256", key).update([path, userId, expires].join("\0")).digest();

  return {
    sign(path, userId) {
      const expiresAt = Math.floor((now() + lifetimeMs) / stepMs) * stepMs;
      const expires = String(expiresAt);
      const signature = signatureOf(path, userId, expires).toString("base64url");
      return { query: `?${new URLSearchParams({ user: userId, expires, signature })}`, expiresAt };
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

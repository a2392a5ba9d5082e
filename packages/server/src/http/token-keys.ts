import { createSecretKey, type KeyObject } from "node:crypto";
import { Refusal } from "@parlance/protocol/errors.ts";
import { createRemoteJWKSet, errors, type JWTVerifyGetKey } from "jose";
import type { Log } from "../core/ports/log.ts";

/** One of the two kinds of key; a server never has both, so no token can choose which one checks it. */
export type TokenKeys = { readonly secret: string } | { readonly jwksUrl: string };

interface KeySource {
  readonly algorithms: readonly string[];
  /** Throws a Refusal `unavailable` where the keys cannot be had now. */
  readonly keyFor: JWTVerifyGetKey;
}

/** None of them symmetric: the public keys of a set are known to everybody. */
const KEY_SET_ALGORITHMS = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
];
const FETCH_TIMEOUT_MS = 5000;
const REFRESH_MS = 10 * 60_000;

export function secretKey(secret: string): KeyObject {
  return createSecretKey(Buffer.from(secret, "utf8"));
}

export function keySource(keys: TokenKeys, now: () => number, log: Log): KeySource {
  if ("jwksUrl" in keys) return remoteKeySource(keys.jwksUrl, now, log);
  const key = secretKey(keys.secret);
  return { algorithms: ["HS256"], keyFor: () => key };
}

/**
 * The provider's keys, looked at again every ten minutes and when a token names an unknown one (at most
 * every 30 s). Keys once had stay in use while the provider cannot be reached: its outage must not become
 * ours.
 */
function remoteKeySource(url: string, now: () => number, log: Log): KeySource {
  const keySet = createRemoteJWKSet(new URL(url), {
    timeoutDuration: FETCH_TIMEOUT_MS,
    cacheMaxAge: Number.POSITIVE_INFINITY,
  });
  let refreshedAt = now();
  return {
    algorithms: KEY_SET_ALGORITHMS,
    async keyFor(header, token) {
      if (now() - refreshedAt > REFRESH_MS) {
        refreshedAt = now();
        keySet.reload().catch((error: unknown) => log.warn({ error }, "The key set cannot be fetched again"));
      }
      try {
        return await keySet(header, token);
      } catch (error) {
        if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
          throw error;
        log.warn({ error }, "The key set cannot be fetched");
        throw new Refusal("unavailable", "The keys that check tokens cannot be reached", 5);
      }
    },
  };
}

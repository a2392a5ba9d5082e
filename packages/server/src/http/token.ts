import { createHash } from "node:crypto";
import { Refusal } from "@parlance/protocol/errors.ts";
import { isDisplayName, isUserId } from "@parlance/protocol/user-id.ts";
import { errors, type JWTPayload, jwtVerify, SignJWT } from "jose";
import type { Log } from "../core/ports/log.ts";
import { keySource, secretKey, type TokenKeys } from "./token-keys.ts";

/** What a valid token says. */
export interface Claims {
  readonly userId: string;
  readonly name: string | null;
  /** Holds the scope `parlance:service`. */
  readonly service: boolean;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

export interface TokenOptions {
  readonly keys: TokenKeys;
  readonly issuer: string | null;
  readonly audience: string | null;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly log: Log;
}

export interface TokenVerifier {
  /** Refuses with `unauthenticated`, or with `unavailable` where the provider's keys cannot be had now. */
  verify(token: string): Promise<Claims>;
}

/** Longer ones are refused unparsed. */
const MAX_TOKEN_BYTES = 8192;
/** Between our clock and the provider's, for exp, nbf and iat. */
const LEEWAY_SECONDS = 5;
const MAX_CACHED = 10_000;
/** So that a key the provider withdrew stops working even for tokens that were seen before. */
const MAX_CACHED_MS = 10 * 60_000;
/** Three non-empty parts in base64url: no unsigned token, no encrypted one (five parts). */
const SHAPE = /^[\w-]+\.[\w-]+\.[\w-]+$/;
/** The types of an access token, in its header or as a claim; refresh and upload tokens name another. */
const ACCESS_TYPES = new Set(["jwt", "at+jwt", "bearer", "access", "access_token", "id"]);
const TYPE_CLAIMS = ["typ", "token_use", "token_type"];
const SERVICE_SCOPE = "parlance:service";

interface Cached {
  readonly claims: Claims;
  readonly until: number;
}

export function createTokenVerifier({ keys, issuer, audience, now, log }: TokenOptions): TokenVerifier {
  const { algorithms, keyFor } = keySource(keys, now, log);
  // Least recently used first. Only good tokens are kept: bad ones would push the good ones out.
  const cache = new Map<string, Cached>();

  async function check(token: string): Promise<Claims> {
    const options = {
      algorithms: [...algorithms],
      clockTolerance: LEEWAY_SECONDS,
      currentDate: new Date(now()),
      requiredClaims: ["sub", "exp"],
      ...(issuer === null ? {} : { issuer }),
      ...(audience === null ? {} : { audience }),
    };
    try {
      const { payload, protectedHeader } = await jwtVerify(token, keyFor, options);
      return readClaims(payload, protectedHeader.typ, now());
    } catch (error) {
      throw refusalOf(error);
    }
  }

  return {
    async verify(token) {
      if (token.length > MAX_TOKEN_BYTES) throw new Refusal("unauthenticated", "The token is too long");
      if (!SHAPE.test(token)) throw new Refusal("unauthenticated", "The token is not valid");
      const id = createHash("sha256").update(token).digest("base64");
      const known = cache.get(id);
      cache.delete(id);
      if (known !== undefined && now() < known.until) {
        cache.set(id, known);
        return known.claims;
      }
      const claims = await check(token);
      cache.set(id, { claims, until: Math.min(claims.expiresAt, now() + MAX_CACHED_MS) });
      if (cache.size > MAX_CACHED) cache.delete(cache.keys().next().value!);
      return claims;
    },
  };
}

/** A token of our own for a user, for `ttlSeconds` from now. */
export async function mintToken(
  secret: string,
  user: { readonly id: string; readonly name: string | null },
  ttlSeconds: number,
  nowMs: number,
): Promise<string> {
  const issuedAt = Math.floor(nowMs / 1000);
  return new SignJWT(user.name === null ? {} : { name: user.name })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setSubject(user.id)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + ttlSeconds)
    .sign(secretKey(secret));
}

function readClaims(payload: JWTPayload, type: string | undefined, nowMs: number): Claims {
  const { sub, exp, iat, name, scope } = payload;
  for (const value of [type?.replace(/^application\//i, ""), ...TYPE_CLAIMS.map((claim) => payload[claim])]) {
    if (value !== undefined && !(typeof value === "string" && ACCESS_TYPES.has(value.toLowerCase()))) {
      throw new Refusal("unauthenticated", "The token is not an access token");
    }
  }
  if (!isUserId(sub)) throw new Refusal("unauthenticated", "The token's sub is not a user id");
  // The last moment that a Date can hold, so that nobody after us meets an invalid one.
  if (!Number.isSafeInteger(exp) || exp! > 8.64e12) {
    throw new Refusal("unauthenticated", "The token's exp is not a time");
  }
  if (iat !== undefined && !(iat <= nowMs / 1000 + LEEWAY_SECONDS)) {
    throw new Refusal("unauthenticated", "The token is from the future");
  }
  return {
    userId: sub,
    // A name we cannot show is no reason to keep its owner out.
    name: isDisplayName(name) ? name : null,
    service: (Array.isArray(scope) ? scope : String(scope ?? "").split(" ")).includes(SERVICE_SCOPE),
    expiresAt: exp! * 1000,
  };
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  return new Refusal("unauthenticated", reasonOf(error));
}

/** Claims are looked at after the signature: what they lack is told only to who has the key. */
function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return "The token has expired";
  if (!(error instanceof errors.JWTClaimValidationFailed)) return "The token is not valid";
  const { claim, reason } = error;
  if (reason === "missing") return `The token has no ${claim}`;
  if (claim === "nbf" && reason === "check_failed") return "The token is not valid yet";
  return `The token's ${claim} is not what this server expects`;
}

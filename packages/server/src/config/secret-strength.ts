/** Bytes of a secret for HS256 (RFC 7518 §3.2: no shorter than the hash's output). */
export const MIN_SECRET_BYTES = 32;

/** What people leave in from a tutorial; such words add nothing to a secret's strength. */
const WELL_KNOWN =
  /super|secret|change|replace|this|with|your|jwt|hs256|key|token|example|default|please|development|production|min(imum)?|least|bytes|characters|chars|long|random|string|password|sign(ing)?|private|must|insecure|test|0?123456789|abcdefghijklmnopqrstuvwxyz|abcdef|qwerty/g;

/**
 * Whether a text can serve as signing secret: long enough in bytes, and neither a sample from
 * documentation nor one sign repeated. It cannot tell a guessable text from a random one; it only keeps out
 * those that anybody tries first.
 */
export function isStrongSecret(secret: string): boolean {
  if (Buffer.byteLength(secret) < MIN_SECRET_BYTES) return false;
  const rest = secret
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, "")
    .replace(WELL_KNOWN, "");
  return rest.length >= 16 && new Set(rest).size >= 8;
}

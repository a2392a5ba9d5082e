import { randomBytes } from "node:crypto";
import { Refusal } from "@parlance/protocol/errors.ts";

const PREFIX = "whsec_";
const NEW_BYTES = 32;
const MIN_BYTES = 24;
const MAX_BYTES = 64;

export const newSecret = (): Buffer => randomBytes(NEW_BYTES);

export const spellSecret = (secret: Buffer): string => PREFIX + secret.toString("base64");

/** Refuses with `invalid` what is no secret as Standard Webhooks spells them. */
export function readSecret(spelled: string): Buffer {
  const secret = Buffer.from(spelled.slice(PREFIX.length), "base64");
  const isSpelled = spelled.startsWith(PREFIX) && spellSecret(secret) === spelled;
  if (isSpelled && secret.length >= MIN_BYTES && secret.length <= MAX_BYTES) return secret;
  throw new Refusal(
    "invalid",
    `The secret must be ${PREFIX} and the base64 of ${MIN_BYTES} to ${MAX_BYTES} bytes`,
  );
}

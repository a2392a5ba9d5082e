import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto";

const SEAL_BYTES = 16;
/** In base64, at six bits each. */
const SEAL_CHARACTERS = 22;

/** Tells what this installation's processes have said from what others put into the same Redis. */
export interface Seal {
  close(payload: Buffer): Buffer;
  /** Null for what was not sealed with the same secret. */
  open(sealed: Buffer): Buffer | null;
  /** The same for texts. */
  closeText(text: string): string;
  openText(sealed: string): string | null;
}

export function createSeal(secret: Buffer): Seal {
  // Made anew from its bytes each time, the key would cost seven times as much as the signature.
  const key = createSecretKey(secret);
  const sign = (payload: Buffer): Buffer =>
    createHmac("sha256", key).update(payload).digest().subarray(0, SEAL_BYTES);
  const signText = (text: string): string =>
    createHmac("sha256", key).update(text).digest("base64url").slice(0, SEAL_CHARACTERS);
  return {
    closeText: (text) => signText(text) + text,
    openText(sealed) {
      const text = sealed.slice(SEAL_CHARACTERS);
      const given = Buffer.from(sealed.slice(0, SEAL_CHARACTERS));
      const right = Buffer.from(signText(text));
      return given.length === right.length && timingSafeEqual(given, right) ? text : null;
    },
    close: (payload) => Buffer.concat([sign(payload), payload]),
    open(sealed) {
      if (sealed.length < SEAL_BYTES) return null;
      const payload = sealed.subarray(SEAL_BYTES);
      return timingSafeEqual(sign(payload), sealed.subarray(0, SEAL_BYTES)) ? payload : null;
    },
  };
}

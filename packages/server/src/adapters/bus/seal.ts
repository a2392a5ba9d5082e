import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto";

const SEAL_BYTES = 16;

/** Tells what this installation's processes have said from what others put into the same Redis. */
export interface Seal {
  close(payload: Buffer): Buffer;
  /** Null for what was not sealed with the same secret. */
  open(sealed: Buffer): Buffer | null;
}

export function createSeal(secret: Buffer): Seal {
  // Made anew from its bytes each time, the key would cost seven times as much as the signature.
  const key = createSecretKey(secret);
  const sign = (payload: Buffer): Buffer =>
    createHmac("sha256", key).update(payload).digest().subarray(0, SEAL_BYTES);
  return {
    close: (payload) => Buffer.concat([sign(payload), payload]),
    open(sealed) {
      if (sealed.length < SEAL_BYTES) return null;
      const payload = sealed.subarray(SEAL_BYTES);
      return timingSafeEqual(sign(payload), sealed.subarray(0, SEAL_BYTES)) ? payload : null;
    },
  };
}

import { createHmac, timingSafeEqual } from "node:crypto";

const SEAL_BYTES = 16;

/** Tells what this installation's processes have said from what others put into the same Redis. */
export interface Seal {
  close(payload: Buffer): Buffer;
  /** Null for what was not sealed with the same secret. */
  open(sealed: Buffer): Buffer | null;
}

export function createSeal(secret: Buffer): Seal {
  const sign = (payload: Buffer): Buffer =>
    createHmac("sha256", secret).update(payload).digest().subarray(0, SEAL_BYTES);
  return {
    close: (payload) => Buffer.concat([sign(payload), payload]),
    open(sealed) {
      if (sealed.length < SEAL_BYTES) return null;
      const payload = sealed.subarray(SEAL_BYTES);
      return timingSafeEqual(sign(payload), sealed.subarray(0, SEAL_BYTES)) ? payload : null;
    },
  };
}

import type { ErrorCode } from "@parlance/protocol/errors.ts";
import type { ErrorShape } from "../../http/status.ts";

/** Every reply of this dialect's REST. */
export function envelope<T>(data: T): { readonly success: true; readonly data: T; readonly error: null } {
  return { success: true, data, error: null };
}

export const errorEnvelope: ErrorShape = ({ message }) => ({ success: false, error: message, data: null });

/** Its document answers 403 for conversations that are not the caller's. */
export const STOMP_STATUS: Partial<Record<ErrorCode, number>> = { not_participant: 403 };

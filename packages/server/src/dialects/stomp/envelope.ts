import type { ErrorCode } from "@parlance/protocol/errors.ts";
import type { ErrorShape } from "../../http/status.ts";

/** Every reply of this dialect's REST. */
export function envelope<T>(data: T): { readonly success: true; readonly data: T; readonly error: null } {
  return { success: true, data, error: null };
}

export const errorEnvelope: ErrorShape = (answer) => ({
  success: false,
  error: errorText(answer),
  data: null,
});

/** The document's own sentence, for conversations that are foreign or unknown alike. */
const NOT_A_PARTICIPANT = "You are not a participant in this conversation";

/** What a refusal says in this dialect. */
export function errorText({ code, message }: { readonly code: ErrorCode; readonly message: string }): string {
  return code === "not_participant" ? NOT_A_PARTICIPANT : message;
}

/** Its document answers 403 for conversations that are not the caller's. */
export const STOMP_STATUS: Partial<Record<ErrorCode, number>> = { not_participant: 403 };

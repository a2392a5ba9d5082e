import type { ErrorCode } from "@parlance/protocol/errors.ts";

/** The HTTP status of each refusal; a dialect may override single ones where its document says otherwise. */
export const STATUS: Readonly<Record<ErrorCode, number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_participant: 404,
  not_found: 404,
  conflict: 409,
  key_reused: 422,
  too_large: 413,
  unsupported_media_type: 415,
  rate_limited: 429,
  overloaded: 503,
  unavailable: 503,
  internal: 500,
};

/** Seconds that `Retry-After` says where the refusal itself does not. */
export const DEFAULT_RETRY_AFTER = 1;

/** What an error answer is made from; `message` is safe to show. */
export interface ErrorAnswer {
  readonly status: number;
  /** For the few answers without a code of their own (405, 408, 414, 431) the nearest: `invalid`. */
  readonly code: ErrorCode;
  readonly message: string;
  /** Seconds, where a retry is worth it. */
  readonly retryAfter: number | undefined;
}

/** The JSON body of an error in one dialect's own form. */
export type ErrorShape = (answer: ErrorAnswer) => object;

export const sharedErrorShape: ErrorShape = ({ code, message }) => ({ error: { code, message } });

/**
 * The closed list of refusals. Every dialect maps all of it to its own form with a total record, so that
 * a new code does not compile until each dialect has an answer.
 */
export const ERROR_CODES = [
  /** The request's form is wrong: a missing field, a wrong type, a bad id, a text over its limit. */
  "invalid",
  /** No identity, or a token that is not valid (any more). */
  "unauthenticated",
  /** The caller is known and may not do this. */
  "forbidden",
  /** The conversation is unknown, or the caller may not know of it: both answer alike. */
  "not_participant",
  /** A message, user or other thing that is unknown or foreign. */
  "not_found",
  /** The state of things forbids it: editing a deleted message, the last owner leaving. */
  "conflict",
  /** The idempotency key was used before with different content. */
  "key_reused",
  /** The body or frame is over its size limit. */
  "too_large",
  /** The media type is not one we take. */
  "unsupported_media_type",
  /** The caller's rate limit is used up. */
  "rate_limited",
  /** The server holds all the work it may: nothing was accepted. */
  "overloaded",
  /** The store cannot be reached or refuses: nothing was acknowledged. */
  "unavailable",
  /** A fault of ours. */
  "internal",
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** Whether the same request may succeed later without a change by the caller. */
export const RETRYABLE: Readonly<Record<ErrorCode, boolean>> = {
  invalid: false,
  unauthenticated: false,
  forbidden: false,
  not_participant: false,
  not_found: false,
  conflict: false,
  key_reused: false,
  too_large: false,
  unsupported_media_type: false,
  rate_limited: true,
  overloaded: true,
  unavailable: true,
  internal: false,
};

/**
 * An expected refusal. `message` is safe to show to the caller: it never holds content, tokens, SQL or paths.
 */
export class Refusal extends Error {
  readonly code: ErrorCode;
  /** Seconds after which a retry is worth it, for the retryable codes. */
  readonly retryAfter: number | undefined;

  constructor(code: ErrorCode, message: string, retryAfter?: number) {
    super(message);
    this.name = "Refusal";
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/**
 * What was asked is done, and who asked is to hear nothing of it, as if the network had lost the answer. Where it is
 * not known as such it is a refusal that leaves open whether it was done.
 */
export class LostAnswer extends Refusal {
  constructor() {
    super("unavailable", "The answer is lost", 1);
    this.name = "LostAnswer";
  }
}

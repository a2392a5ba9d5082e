import type { ErrorCode } from "@parlance/protocol/errors.ts";

/**
 * Why something was not done: the server's own code, or one of the client's: `disconnected` (there is no connection, or
 * it was lost before the answer), `timeout` (no answer came), `network` (the server could not be reached),
 * `aborted` (by the application), `discarded` (a queued message was).
 */
export type ClientErrorCode =
  | ErrorCode
  | "disconnected"
  | "timeout"
  | "network"
  | "aborted"
  | "discarded"
  | "full";

export class ClientError extends Error {
  readonly code: ClientErrorCode;
  /** Seconds after which the same may succeed. */
  readonly retryAfter: number | undefined;

  constructor(code: ClientErrorCode, message: string, retryAfter?: number) {
    super(message);
    this.name = "ClientError";
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/** Whether the same request may succeed by itself later. */
export function isPassing(error: { readonly code: string } | null): boolean {
  return error !== null && PASSING.has(error.code);
}

const PASSING: ReadonlySet<string> = new Set<ClientErrorCode>([
  "disconnected",
  "timeout",
  "network",
  "rate_limited",
  "overloaded",
  "unavailable",
]);

export function asClientError(error: unknown): ClientError {
  if (error instanceof ClientError) return error;
  return new ClientError("network", error instanceof Error ? error.message : String(error));
}

const CODES: Readonly<Record<number, ClientErrorCode>> = {
  400: "invalid",
  401: "unauthenticated",
  403: "forbidden",
  404: "not_found",
  409: "conflict",
  413: "too_large",
  415: "unsupported_media_type",
  422: "key_reused",
  429: "rate_limited",
  503: "unavailable",
  504: "unavailable",
};

/** What `/api/chat` says of conversations that are unknown or foreign. */
const NOT_PARTICIPANT = /not a participant/;

/** What an answer of this status says, whichever dialect it is in. */
export function refusalOf(status: number, answer: unknown, retryAfter: string | null): ClientError {
  const said = (answer as { error?: string | { message?: string } } | null)?.error;
  const message = (typeof said === "string" ? said : said?.message) ?? `The server answered ${status}`;
  const code = NOT_PARTICIPANT.test(message) ? "not_participant" : (CODES[status] ?? "internal");
  return new ClientError(code, message, retryAfter === null ? undefined : Number(retryAfter));
}

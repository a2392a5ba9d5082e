import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { Refusal } from "@parlance/protocol/errors.ts";
import type { Origins } from "./origins.ts";
import { DEFAULT_RETRY_AFTER, type ErrorAnswer, STATUS } from "./status.ts";

/** On every answer; a route that serves something else than API answers sets its own in their place. */
export const SECURITY_HEADERS = {
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
} as const satisfies OutgoingHttpHeaders;

const ALLOWED_HEADERS =
  "authorization, content-type, idempotency-key, last-event-id, range, x-capricious, x-file-name, x-user-id";
const EXPOSED_HEADERS = "accept-ranges, content-disposition, content-range, etag, retry-after, x-request-id";
const PREFLIGHT_SECONDS = "600";

/** Headers of the answer that pages of other origins need to read it. No credentials: we use no cookies. */
export function setCorsHeaders(
  { headers }: IncomingMessage,
  response: ServerResponse,
  origins: Origins,
): void {
  const { origin } = headers;
  response.setHeader("vary", "origin");
  if (origin === undefined || !origins.allows(origin)) return;
  response.setHeader("access-control-allow-origin", origin);
  response.setHeader("access-control-expose-headers", EXPOSED_HEADERS);
}

/** What a preflight asks, beside the headers that every answer has. */
export function preflightHeaders(allowedMethods: readonly string[]): Record<string, string> {
  return {
    "access-control-allow-methods": allowedMethods.join(", "),
    "access-control-allow-headers": ALLOWED_HEADERS,
    "access-control-max-age": PREFLIGHT_SECONDS,
  };
}

/** Many small headers pass Node's limit of bytes and cost more than few long ones. */
const MAX_HEADERS = 200;

export function hasTooManyHeaders({ rawHeaders }: IncomingMessage): boolean {
  return rawHeaders.length > 2 * MAX_HEADERS;
}

/** Whatever was thrown, as an answer. What is neither a Refusal nor a fault of the request is ours: 500. */
export function answerOf(error: unknown, override: Partial<typeof STATUS> = {}): ErrorAnswer {
  if (error instanceof Refusal) {
    const { code, message, retryAfter } = error;
    return {
      status: override[code] ?? STATUS[code],
      code,
      message,
      retryAfter: retryAfter ?? defaultRetry(code),
    };
  }
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  if (status === 413) return answer(413, "too_large", "The body is over the size limit");
  if (status === 415) return answer(415, "unsupported_media_type", "The media type must be application/json");
  if (status === 414) return answer(414, "invalid", "The URL is too long");
  if (status === 416) return answer(416, "invalid", "The range begins behind the end of the file");
  if ((error as { code?: unknown }).code === "FST_ERR_BAD_URL") {
    return answer(400, "invalid", "The path has a % escape that is no UTF-8");
  }
  if (typeof status === "number" && status >= 400 && status < 500) {
    return answer(status, "invalid", "The request is not valid");
  }
  return answer(500, "internal", "Something went wrong on the server's side");
}

export function answer(status: number, code: ErrorAnswer["code"], message: string): ErrorAnswer {
  return { status, code, message, retryAfter: undefined };
}

/** Answers a request past the framework. */
export function sendError(response: ServerResponse, given: ErrorAnswer, shape: object): void {
  sendJson(response, given.status, JSON.stringify(shape), answerHeaders(given));
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: string,
  headers: OutgoingHttpHeaders = {},
): void {
  response
    .writeHead(status, {
      ...headers,
      "content-type": "application/json; charset=utf-8",
      "content-length": Buffer.byteLength(body),
    })
    .end(body);
}

function defaultRetry(code: ErrorAnswer["code"]): number | undefined {
  return STATUS[code] === 429 || STATUS[code] === 503 ? DEFAULT_RETRY_AFTER : undefined;
}

export function answerHeaders({ status, retryAfter }: ErrorAnswer): Record<string, string> {
  return {
    ...(retryAfter === undefined ? {} : { "retry-after": String(Math.max(1, Math.ceil(retryAfter))) }),
    ...(status === 401 ? { "www-authenticate": "Bearer" } : {}),
  };
}

import { CLOSE_CODES } from "@parlance/protocol/close-codes.ts";
import type { ErrorCode, Refusal } from "@parlance/protocol/errors.ts";
import { TooManySessions } from "../../../delivery/listen.ts";
import type { EndReason } from "../../../delivery/outlet.ts";
import type { WebSocketCloseCode } from "../../../http/websocket-transport.ts";

/** What a connection that ends for a refusal is closed with. */
const CODE_OF: Readonly<Record<ErrorCode, WebSocketCloseCode>> = {
  invalid: 1002,
  too_large: CLOSE_CODES.tooBig,
  unauthenticated: CLOSE_CODES.unauthenticated,
  forbidden: CLOSE_CODES.policy,
  not_participant: CLOSE_CODES.policy,
  not_found: CLOSE_CODES.policy,
  conflict: CLOSE_CODES.policy,
  key_reused: CLOSE_CODES.policy,
  unsupported_media_type: CLOSE_CODES.policy,
  rate_limited: CLOSE_CODES.tooFast,
  overloaded: CLOSE_CODES.restart,
  unavailable: CLOSE_CODES.restart,
  internal: CLOSE_CODES.internal,
};

export function closeCodeOf(refusal: Refusal): WebSocketCloseCode {
  return refusal instanceof TooManySessions ? CLOSE_CODES.tooManySessions : CODE_OF[refusal.code];
}

/** Why delivery ends a connection, in words and as what it is closed with. */
export const GOODBYES: Readonly<Record<EndReason, { code: WebSocketCloseCode; message: string }>> = {
  slow_consumer: { code: CLOSE_CODES.slowConsumer, message: "slow consumer, come back and resume" },
  restart: { code: CLOSE_CODES.restart, message: "restart, come back and resume" },
  expired: { code: CLOSE_CODES.unauthenticated, message: "the token has expired" },
  deactivated: { code: CLOSE_CODES.unauthenticated, message: "the user is deactivated" },
};

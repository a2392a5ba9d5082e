import { Refusal } from "@parlance/protocol/errors.ts";

/**
 * Who is speaking now, with which rights. Made once where a request or connection is identified
 * (http/identity.ts) and the first argument of everything the door offers.
 */
export interface Caller {
  /** The user spoken for; null for an operator or a service that named nobody. */
  readonly userId: string | null;
  /** The display name the token or the open-mode client gave. */
  readonly name: string | null;
  /**
   * - `user`: acts as `userId` and nobody else.
   * - `service`: holds a token with the scope `parlance:service`; may act for users it names, no rate limits.
   * - `operator`: an open-mode request that named nobody; may read anything.
   */
  readonly rights: "user" | "service" | "operator";
  /** When the identity ends, epoch milliseconds; null where it does not. */
  readonly expiresAt: number | null;
}

/** Of what only a user can do, to a service or an operator that named nobody. */
export function namesNobody(): Refusal {
  return new Refusal("unauthenticated", "This needs a user to act as: name one in X-User-Id or ?user_id=");
}

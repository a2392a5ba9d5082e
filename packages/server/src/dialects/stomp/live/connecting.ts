import { Refusal } from "@parlance/protocol/errors.ts";
import type { Caller } from "../../../core/caller.ts";
import { type Credentials, type Identity, identityHeaders } from "../../../http/identity.ts";
import { hasToken } from "../callers.ts";
import type { Opening } from "../sockjs/routes.ts";

/** What of the request that opened a connection says who it is for; the rest need not be kept. */
export function openingOf({ headers, query }: Opening): Opening {
  return { headers: identityHeaders(headers), query };
}

/**
 * Who connects, by a token of its CONNECT, its URL or its opening request: this dialect's document wants one in every
 * mode. Where there are two they must be one user's.
 */
export async function connectedCaller(
  identity: Identity,
  opening: Opening,
  connect: ReadonlyMap<string, string>,
): Promise<Caller & { readonly userId: string }> {
  const { headers, query } = opening;
  const authorization = connect.get("Authorization") ?? connect.get("authorization");
  const token = connect.get("token");
  const shown = authorization ?? (token === undefined ? undefined : `Bearer ${token}`);
  const isOpeningProof = hasToken(headers, query);
  if (shown === undefined && !isOpeningProof) throw new Refusal("unauthenticated", "A token is required");
  const opened = isOpeningProof ? await callerOf(identity, { headers, query }) : null;
  if (shown === undefined) return opened as Caller & { readonly userId: string };
  const caller = await callerOf(identity, { headers: { ...headers, authorization: shown }, query });
  if (opened !== null && opened.userId !== caller.userId) {
    throw new Refusal("forbidden", "CONNECT speaks for another user than the connection was opened for");
  }
  return caller;
}

async function callerOf(
  identity: Identity,
  credentials: Credentials,
): Promise<Caller & { readonly userId: string }> {
  const caller = await identity.identify({ ...credentials, socket: true });
  const { userId } = caller;
  if (userId === null) throw new Refusal("unauthenticated", "The connection names no user");
  return { ...caller, userId };
}

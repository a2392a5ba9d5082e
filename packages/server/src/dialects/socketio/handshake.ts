import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { Refusal } from "@parlance/protocol/errors.ts";
import type { Caller } from "../../core/caller.ts";
import type { Position } from "../../delivery/position.ts";
import { type Identity, identityHeaders } from "../../http/identity.ts";
import { queryOf } from "../../http/scopes.ts";
import { positionOf } from "./resume.ts";

/** What the request that opened a link said. */
export interface Handshake {
  readonly headers: IncomingHttpHeaders;
  readonly query: Readonly<Record<string, string | string[]>>;
}

/** Who connects, and to what. */
export interface Connecting {
  readonly caller: Caller;
  readonly hasToken: boolean;
  readonly position: Position | null;
  /** All conversations, without joining each. */
  readonly autojoin: boolean;
}

export function handshakeOf({ headers, url }: IncomingMessage): Handshake {
  // Copied, so that the request itself and its other headers need not be kept.
  return { headers: identityHeaders(headers), query: queryOf(url) };
}

/** @param auth what the client sent with its CONNECT */
export async function identify(identity: Identity, handshake: Handshake, auth: unknown): Promise<Connecting> {
  const given = typeof auth === "object" && auth !== null && !Array.isArray(auth) ? auth : {};
  const { token, position, autojoin } = given as Readonly<Record<string, unknown>>;
  const hasToken = token !== undefined && token !== null && token !== "";
  if (hasToken && typeof token !== "string") throw new Refusal("unauthenticated", "Invalid token");
  const { headers, query } = handshake;
  const isTokenGiven =
    hasToken ||
    headers.authorization !== undefined ||
    query.token !== undefined ||
    query.access_token !== undefined;
  const caller = await callerOf(identity, hasToken ? withToken(handshake, token) : handshake, isTokenGiven);
  const from = positionOf(position);
  return { caller, hasToken: isTokenGiven, position: from, autojoin: autojoin === true || from !== null };
}

function withToken({ headers, query }: Handshake, token: string): Handshake {
  return { headers: { ...headers, authorization: `Bearer ${token}` }, query };
}

/** Refuses in the two sentences that clients of the document know. */
async function callerOf(
  identity: Identity,
  { headers, query }: Handshake,
  isTokenGiven: boolean,
): Promise<Caller> {
  const { userId } = query;
  try {
    if (Array.isArray(userId)) throw new Refusal("invalid", "The query names userId more than once");
    const caller = await identity.identify({ headers, query, bodyUser: userId || undefined, socket: true });
    if (caller.userId === null) throw new Refusal("unauthenticated", "The connection names no user");
    return caller;
  } catch (error) {
    if (!(error instanceof Refusal) || RETRY_LATER.has(error.code)) throw error;
    throw new Refusal("unauthenticated", isTokenGiven ? "Invalid token" : "Authentication required");
  }
}

/** Says nothing of who it is. */
const RETRY_LATER: ReadonlySet<string> = new Set(["unavailable", "overloaded", "internal"]);

import type { IncomingHttpHeaders } from "node:http";
import { Refusal } from "@parlance/protocol/errors.ts";
import { isUserId } from "@parlance/protocol/user-id.ts";
import type { Mode } from "../config.ts";
import type { Caller } from "../core/caller.ts";
import { headerText } from "./header-text.ts";
import { type Claims, createTokenVerifier, mintToken, type TokenOptions } from "./token.ts";

/** What a request, or the upgrade request of a socket, says about who sends it. */
export interface Credentials {
  readonly headers: IncomingHttpHeaders;
  /** The parsed query string. */
  readonly query: unknown;
  /** The user that the dialect's document names in path, query or body. */
  readonly bodyUser?: string | undefined;
  /** A socket that names nobody is refused; an open-mode request that names nobody is the operator's. */
  readonly socket?: boolean;
}

/** The headers that say it: all that needs to be kept of those of a request that opened a socket. */
export function identityHeaders({
  authorization,
  "x-user-id": userId,
}: IncomingHttpHeaders): IncomingHttpHeaders {
  return {
    ...(authorization !== undefined && { authorization }),
    ...(userId !== undefined && { "x-user-id": userId }),
  };
}

export interface Identity {
  /**
   * Who sends a request. Refuses with `unauthenticated` (no or no valid identity), `forbidden` (the request
   * claims somebody other than it proved to be) or `invalid` (a named user that cannot be an id).
   */
  identify(credentials: Credentials): Promise<Caller>;
  /** Who a token speaks for, where it is renewed on an open socket; refuses with `unauthenticated`. */
  verifyToken(token: string): Promise<Caller>;
  /** A token for a user; open mode only, else refused with `not_found`. */
  mintToken(user: { readonly id: string; readonly name: string | null }, ttlSeconds: number): Promise<string>;
}

export interface IdentityOptions extends TokenOptions {
  readonly mode: Mode;
}

const OPERATOR: Caller = Object.freeze({ userId: null, name: null, rights: "operator", expiresAt: null });

export function createIdentity(options: IdentityOptions): Identity {
  const { mode, keys, now } = options;
  const tokens = createTokenVerifier(options);

  async function identify({ headers, query, bodyUser, socket = false }: Credentials): Promise<Caller> {
    const token = readToken(headers, query);
    const named = readNamedUser(headers, query);
    if (token !== undefined) {
      const claims = await tokens.verify(token);
      if (claims.service) return serviceCaller(claims, agreeOn(named.header, named.query, bodyUser));
      // A header that a proxy in front may set for all means nothing beside a user's own token in jwt mode.
      agreeOn(claims.userId, mode === "open" ? named.header : undefined, named.query, bodyUser);
      return userCaller(claims);
    }
    if (mode === "jwt") throw new Refusal("unauthenticated", "A token is required");
    const userId = agreeOn(named.header, named.query, bodyUser);
    if (userId !== undefined)
      return { userId: checkedId(userId), name: null, rights: "user", expiresAt: null };
    if (socket) throw new Refusal("unauthenticated", "The connection names no user");
    return OPERATOR;
  }

  return {
    identify,
    async verifyToken(token) {
      const claims = await tokens.verify(token);
      return claims.service ? serviceCaller(claims, undefined) : userCaller(claims);
    },
    async mintToken(user, ttlSeconds) {
      if (mode !== "open" || !("secret" in keys)) throw new Refusal("not_found", "Not found");
      return mintToken(keys.secret, user, ttlSeconds, now());
    },
  };
}

function userCaller({ userId, name, expiresAt }: Claims): Caller {
  return { userId, name, rights: "user", expiresAt };
}

/** A service acts for whom it names; its own `sub` is no user of conversations. */
function serviceCaller({ expiresAt }: Claims, userId: string | undefined): Caller {
  return {
    userId: userId === undefined ? null : checkedId(userId),
    name: null,
    rights: "service",
    expiresAt,
  };
}

/** The one user that all given places name; undefined where none names any. */
function agreeOn(...places: readonly (string | undefined)[]): string | undefined {
  const [first, ...others] = places.filter((place) => place !== undefined);
  if (others.some((other) => other !== first)) {
    throw new Refusal("forbidden", "The request speaks for another user than the one it identified as");
  }
  return first;
}

function checkedId(userId: string): string {
  if (isUserId(userId)) return userId;
  throw new Refusal("invalid", "The user id must be 1 to 128 characters without control characters");
}

function readToken(headers: IncomingHttpHeaders, query: unknown): string | undefined {
  const { authorization } = headers;
  if (authorization !== undefined) {
    const match = /^bearer +(\S+)$/i.exec(authorization);
    if (match === null)
      throw new Refusal("unauthenticated", "The Authorization header must be a Bearer token");
    return match[1];
  }
  const token = queryText(query, "token") ?? queryText(query, "access_token");
  if (token === "") throw new Refusal("unauthenticated", "The token is empty");
  return token;
}

function readNamedUser(
  headers: IncomingHttpHeaders,
  query: unknown,
): { readonly header: string | undefined; readonly query: string | undefined } {
  const header = headers["x-user-id"];
  return {
    header: typeof header === "string" ? headerText(header) : undefined,
    query: queryText(query, "user_id"),
  };
}

function queryText(query: unknown, name: string): string | undefined {
  if (typeof query !== "object" || query === null || !Object.hasOwn(query, name)) return undefined;
  const value = (query as Readonly<Record<string, unknown>>)[name];
  if (typeof value === "string") return value;
  throw new Refusal("unauthenticated", `The query names ${name} more than once`);
}

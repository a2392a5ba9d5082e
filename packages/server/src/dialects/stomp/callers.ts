import { Refusal } from "@parlance/protocol/errors.ts";
import type { FastifyRequest } from "fastify";
import type { Caller } from "../../core/caller.ts";
import type { Identity } from "../../http/identity.ts";

/** Who sends a request. This dialect's document wants a token in every mode. */
export async function tokenCaller(
  identity: Identity,
  { headers, query }: Pick<FastifyRequest, "headers" | "query">,
): Promise<Caller> {
  if (!hasToken(headers, query)) throw new Refusal("unauthenticated", "A token is required");
  return await identity.identify({ headers, query });
}

/** Wherever a token may stand. */
export function hasToken(headers: FastifyRequest["headers"], query: unknown): boolean {
  const { token, access_token } = query as Readonly<Record<string, unknown>>;
  return headers.authorization !== undefined || token !== undefined || access_token !== undefined;
}

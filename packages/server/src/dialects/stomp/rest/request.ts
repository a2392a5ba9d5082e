import { Type } from "typebox";
import { type Caller, namesNobody } from "../../../core/caller.ts";
import { readUserId, type Spelled } from "../ids.ts";

export const Limit = Type.Optional(Type.Integer({ minimum: 1 }));
export const PageQuery = Type.Object({ limit: Limit, cursor: Type.Optional(Type.String()) });

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;

/** How many to give where so many are wanted: too many are capped. */
export function limitOf({ limit = DEFAULT_LIMIT }: { readonly limit?: number }): number {
  return Math.min(limit, MAX_LIMIT);
}

/** The user whose things are asked for. */
export function userOf({ userId }: Caller): string {
  if (userId === null) throw namesNobody();
  return userId;
}

/** The people whom a body names, in either of the two ways it may. */
export function peopleOf(body: {
  readonly participantIds?: readonly Spelled[];
  readonly userIds?: readonly Spelled[];
}): string[] {
  return [...(body.participantIds ?? []), ...(body.userIds ?? [])].map(readUserId);
}

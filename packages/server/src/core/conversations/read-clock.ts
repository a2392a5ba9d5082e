import type { ReadClock } from "@parlance/protocol/queries.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../parts.ts";
import { actingUser, mayTakePart } from "../policy.ts";

export async function readClock(
  { standings }: Pick<Parts, "standings">,
  caller: Caller,
  { conversationId }: ReadClock,
): Promise<{ readonly seq: number }> {
  const standing = await standings.read(conversationId, actingUser(caller));
  const refusal = mayTakePart(standing);
  if (refusal !== null || standing === null) throw refusal;
  return { seq: standing.clock };
}

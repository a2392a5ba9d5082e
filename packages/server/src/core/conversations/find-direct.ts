import type { FindDirect } from "@parlance/protocol/queries.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../parts.ts";
import { mayFindDirect } from "../policy.ts";
import { pairOf } from "./open-conversation.ts";

/** The direct conversation of two people, or of one with itself; null where they have none yet. */
export async function findDirect(
  { reader }: Pick<Parts, "reader">,
  caller: Caller,
  { userIds }: FindDirect,
): Promise<number | null> {
  const refusal = mayFindDirect(caller, userIds);
  if (refusal !== null) throw refusal;
  return await reader.directConversation(pairOf([...new Set(userIds)]));
}

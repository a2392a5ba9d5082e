import type { ReadClock } from "@parlance/protocol/queries.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../parts.ts";
import { takingPart } from "../standings.ts";

export async function readClock(
  parts: Pick<Parts, "standings">,
  caller: Caller,
  { conversationId }: ReadClock,
): Promise<{ readonly seq: number }> {
  return { seq: (await takingPart(parts, caller, conversationId)).clock };
}

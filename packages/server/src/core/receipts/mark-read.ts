import type { MarkRead } from "@parlance/protocol/commands.ts";
import type { Caller } from "../caller.ts";
import { visibleMessage } from "../messages/visible.ts";
import type { Parts } from "../parts.ts";
import { actingUser, mayTakePart } from "../policy.ts";

/** Moves the caller's read mark up to a message, or to all there is. Marks never go back. */
export async function markRead(
  { reader, writer, standings }: Pick<Parts, "reader" | "writer" | "standings">,
  caller: Caller,
  { conversationId, messageId }: MarkRead,
): Promise<{ readonly readSeq: number }> {
  const userId = actingUser(caller);
  const standing = await standings.read(conversationId, userId);
  const refusal = mayTakePart(standing);
  if (refusal !== null || standing === null) throw refusal;
  let readSeq = standing.clock;
  if (messageId !== null) readSeq = (await visibleMessage(reader, standing, messageId)).seq;
  const moved = await writer.mark({ conversationId, userId, deliveredSeq: readSeq, readSeq });
  return { readSeq: moved?.readSeq ?? readSeq };
}

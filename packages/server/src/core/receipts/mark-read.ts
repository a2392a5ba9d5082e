import type { MarkRead, MarkUnread, UnreadCounts } from "@parlance/protocol/commands.ts";
import type { Caller } from "../caller.ts";
import { tellEntry } from "../conversations/tell-entry.ts";
import { visibleMessage } from "../messages/visible.ts";
import type { Parts } from "../parts.ts";
import { actingUser, mayTakePart } from "../policy.ts";
import { takingPart } from "../standings.ts";

/** Moves the caller's read mark up to a message, or to all there is. Marks never go back. */
export async function markRead(
  parts: Pick<Parts, "reader" | "writer" | "standings" | "bus">,
  caller: Caller,
  { conversationId, messageId }: MarkRead,
): Promise<{ readonly readSeq: number }> {
  const { reader, writer } = parts;
  const userId = actingUser(caller);
  const standing = await takingPart(parts, caller, conversationId);
  let readSeq = standing.clock;
  if (messageId !== null) readSeq = (await visibleMessage(reader, standing, messageId)).seq;
  const moved = await writer.mark({ conversationId, userId, deliveredSeq: readSeq, readSeq });
  // The mark was above it, and what moved is what had been set back: that is not told with the mark.
  if (moved !== null && moved.readSeq > readSeq) await tellEntry(parts, userId, conversationId);
  return { readSeq: moved?.readSeq ?? readSeq };
}

/**
 * Sets back what the caller has read, for counting only: what others are told of it stays. The caller's own devices
 * are told the new count.
 */
export async function markUnread(
  parts: Pick<Parts, "reader" | "writer" | "standings" | "bus">,
  caller: Caller,
  { conversationId, messageId }: MarkUnread,
): Promise<UnreadCounts> {
  const { reader, writer } = parts;
  const userId = actingUser(caller);
  const standing = await takingPart(parts, caller, conversationId);
  const { seq } = await visibleMessage(reader, standing, messageId);
  const counts = await writer.markUnread(conversationId, userId, seq);
  if (counts === null) throw mayTakePart(null);
  await tellEntry(parts, userId, conversationId);
  return counts;
}

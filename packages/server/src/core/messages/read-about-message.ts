import type {
  EditsPage,
  OwnReactions,
  ReactionsPage,
  ReadEdits,
  ReadOwnReactions,
  ReadReactions,
  ReadReceipts,
  ReceiptsPage,
} from "@parlance/protocol/queries.ts";
import type { Caller } from "../caller.ts";
import { readable } from "../standings.ts";
import type { ReadParts } from "./read-messages.ts";
import { visibleMessage } from "./visible.ts";

/** Before each page the message is looked for: who may not know of it learns nothing of what hangs on it. */
async function visible(
  parts: ReadParts,
  caller: Caller,
  { conversationId, messageId }: { readonly conversationId: number; readonly messageId: number },
) {
  return await visibleMessage(parts.reader, await readable(parts, caller, conversationId), messageId);
}

export async function readEdits(parts: ReadParts, caller: Caller, query: ReadEdits): Promise<EditsPage> {
  await visible(parts, caller, query);
  const { limit } = query;
  const edits = await parts.reader.edits({ ...query, limit: limit + 1 });
  return { edits: edits.slice(0, limit), more: edits.length > limit };
}

export async function readReactions(
  parts: ReadParts,
  caller: Caller,
  query: ReadReactions,
): Promise<ReactionsPage> {
  await visible(parts, caller, query);
  const { limit } = query;
  const reactions = await parts.reader.reactions({ ...query, limit: limit + 1 });
  return { reactions: reactions.slice(0, limit), more: reactions.length > limit };
}

/** One's own are no secret, wherever they are. */
export async function readOwnReactions(
  { reader }: ReadParts,
  { userId }: Caller,
  { messages }: ReadOwnReactions,
): Promise<readonly OwnReactions[]> {
  return userId === null || messages.length === 0 ? [] : await reader.ownReactions(userId, messages);
}

export async function readReceipts(
  parts: ReadParts,
  caller: Caller,
  query: ReadReceipts,
): Promise<ReceiptsPage> {
  const { conversationId, seq, senderId } = await visible(parts, caller, query);
  const { after, limit } = query;
  const receipts = await parts.reader.receipts({ conversationId, seq, senderId, after, limit: limit + 1 });
  return { receipts: receipts.slice(0, limit), more: receipts.length > limit };
}

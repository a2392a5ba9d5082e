import { Refusal } from "@parlance/protocol/errors.ts";
import type { Message } from "@parlance/protocol/model.ts";
import type {
  CountedPage,
  FindMessage,
  HistoryPage,
  LocateMessage,
  MessageReference,
  ReadHistory,
  ReadPage,
  ReadPins,
  ReadSent,
  ReadThread,
  ThreadPage,
} from "@parlance/protocol/queries.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../parts.ts";
import { mayRead } from "../policy.ts";
import type { Standing } from "../ports/reader.ts";
import { readable } from "../standings.ts";
import { noSuchMessage, onlyVisible, visibleFrom, visibleMessage } from "./visible.ts";

export type ReadParts = Pick<Parts, "reader" | "standings" | "tails">;

export async function readHistory(
  parts: ReadParts,
  caller: Caller,
  query: ReadHistory,
): Promise<HistoryPage> {
  const { conversationId, before, after, around, limit } = query;
  if ([before ?? undefined, after, around].filter((one) => one !== undefined).length > 1) {
    throw new Refusal("invalid", "Of before, after and around only one can be given");
  }
  const standing = await readable(parts, caller, conversationId);
  const fromSeq = visibleFrom(standing);
  const older = (beforeSeq: number) =>
    parts.reader.history({ conversationId, beforeSeq, fromSeq, limit: limit + 1 });
  const newer = async (afterSeq: number) =>
    (await parts.reader.historyAfter({ conversationId, afterSeq, fromSeq, limit: limit + 1 })).toReversed();

  if (around !== undefined) {
    const { seq } = await resolveMessage(parts, standing, around);
    const [above, below] = await Promise.all([newer(seq), older(seq + 1)]);
    return windowOf(above, below, limit);
  }
  if (after !== undefined) {
    const found = await newer((await resolveMessage(parts, standing, after)).seq);
    // The message it is after is an older one.
    return { messages: found.slice(-limit), more: true, moreNewer: found.length > limit };
  }
  const found =
    before === null
      ? await parts.tails.newest(standing, limit + 1)
      : await older((await resolveMessage(parts, standing, before)).seq);
  return { messages: found.slice(0, limit), more: found.length > limit, moreNewer: before !== null };
}

/** Half of the page from either side of the middle, which is the first of those below; what one side lacks the other gives. */
function windowOf(above: readonly Message[], below: readonly Message[], limit: number): HistoryPage {
  const half = Math.floor((limit - 1) / 2);
  const newer = Math.min(above.length, Math.max(half, limit - below.length));
  const older = Math.min(below.length, limit - newer);
  return {
    messages: [...above.slice(above.length - newer), ...below.slice(0, older)],
    more: below.length > older,
    moreNewer: above.length > newer,
  };
}

export async function readThread(
  parts: ReadParts,
  caller: Caller,
  { conversationId, messageId, after, limit }: ReadThread,
): Promise<ThreadPage> {
  const standing = await readable(parts, caller, conversationId);
  const parent = await visibleMessage(parts.reader, standing, messageId);
  const replies = await parts.reader.replies({
    conversationId,
    parentId: messageId,
    afterSeq: after ?? 0,
    fromSeq: visibleFrom(standing),
    limit: limit + 1,
  });
  return { parent, replies: replies.slice(0, limit), more: replies.length > limit };
}

export async function readPins(
  parts: ReadParts,
  caller: Caller,
  { conversationId }: ReadPins,
): Promise<readonly Message[]> {
  const standing = await readable(parts, caller, conversationId);
  return await parts.reader.pins(conversationId, visibleFrom(standing));
}

export async function readPage(
  parts: ReadParts,
  caller: Caller,
  { conversationId, offset, limit }: ReadPage,
): Promise<CountedPage> {
  const fromSeq = visibleFrom(await readable(parts, caller, conversationId));
  return await parts.reader.page({ conversationId, fromSeq, offset, limit });
}

export async function findMessage(parts: ReadParts, caller: Caller, query: FindMessage): Promise<Message> {
  return await resolveMessage(parts, await readable(parts, caller, query.conversationId), query.reference);
}

/** What is there and not for the caller is not found, whether the caller takes part or not. */
export async function locateMessage(
  parts: ReadParts,
  caller: Caller,
  { messageId }: LocateMessage,
): Promise<Message> {
  const message = await parts.reader.messageById(messageId);
  const standing =
    message === null ? null : await parts.standings.read(message.conversationId, caller.userId);
  if (standing === null || mayRead(caller, standing) !== null) throw noSuchMessage();
  return onlyVisible(standing, message);
}

/** Not for what others have sent, whoever takes part. */
export async function readSent(
  { reader }: Pick<Parts, "reader">,
  { userId }: Caller,
  { conversationId, messageId }: ReadSent,
): Promise<Message> {
  const message = await reader.message(conversationId, messageId);
  if (message === null || message.senderId !== userId) throw noSuchMessage();
  return message;
}

/** The message that a reference means, if whoever stands so may see it. */
export async function resolveMessage(
  { reader }: Pick<Parts, "reader">,
  standing: Standing,
  reference: MessageReference,
): Promise<Message> {
  const { conversationId } = standing;
  const found =
    "id" in reference
      ? await reader.message(conversationId, reference.id)
      : byKey(await reader.messagesByKey(conversationId, reference.key));
  return onlyVisible(standing, found);
}

function byKey(messages: readonly Message[]): Message | null {
  if (messages.length > 1) {
    throw new Refusal("invalid", "Two senders used this message_id: name the message by its id");
  }
  return messages[0] ?? null;
}

import { Refusal } from "@parlance/protocol/errors.ts";
import type { Message } from "@parlance/protocol/model.ts";
import type {
  CountedPage,
  FindMessage,
  HistoryPage,
  MessageReference,
  ReadHistory,
  ReadPage,
} from "@parlance/protocol/queries.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../parts.ts";
import { mayRead } from "../policy.ts";
import type { Standing } from "../ports/reader.ts";
import { onlyVisible, visibleFrom } from "./visible.ts";

type ReadParts = Pick<Parts, "reader" | "standings">;

export async function readHistory(
  parts: ReadParts,
  caller: Caller,
  query: ReadHistory,
): Promise<HistoryPage> {
  const { conversationId, before, limit } = query;
  const standing = await readable(parts, caller, conversationId);
  const beforeSeq = before === null ? null : (await resolve(parts, standing, before)).seq;
  const fromSeq = visibleFrom(standing);
  const messages = await parts.reader.history({ conversationId, beforeSeq, fromSeq, limit: limit + 1 });
  return { messages: messages.slice(0, limit), more: messages.length > limit };
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
  return await resolve(parts, await readable(parts, caller, query.conversationId), query.reference);
}

/** Reads ask the store how the caller stands: a removal counts at once. */
async function readable({ standings }: ReadParts, caller: Caller, conversationId: number): Promise<Standing> {
  const standing = await standings.read(conversationId, caller.userId);
  const refusal = mayRead(caller, standing);
  if (refusal !== null) throw refusal;
  return standing as Standing;
}

async function resolve(
  { reader }: ReadParts,
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

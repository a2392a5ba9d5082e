import { Refusal } from "@parlance/protocol/errors.ts";
import type { SearchMessages, SearchPage } from "@parlance/protocol/queries.ts";
import type { Caller } from "../caller.ts";
import { checkText } from "../messages/content.ts";
import type { Parts } from "../parts.ts";
import { actingUser } from "../policy.ts";
import { readable } from "../standings.ts";
import { readWish } from "./wish.ts";

/** UTF-16 code units. */
const MAX_QUERY_LENGTH = 200;

/** A page of what was said with these words, newest first; empty where there are no words to look for. */
export async function searchMessages(
  parts: Pick<Parts, "standings" | "search">,
  caller: Caller,
  { conversationId, text, before, limit }: SearchMessages,
): Promise<SearchPage> {
  checkText(text, "query");
  if (text.length > MAX_QUERY_LENGTH) {
    throw new Refusal("invalid", `query is longer than ${MAX_QUERY_LENGTH} characters`);
  }
  if (conversationId === null) actingUser(caller);
  else await readable(parts, caller, conversationId);
  const phrases = readWish(text);
  if (phrases.length === 0) return { messages: [], next: null };
  const { userId } = caller;
  const found = await parts.search.search({ userId, conversationId, phrases, before, limit: limit + 1 });
  const page = found.slice(0, limit);
  const last = page.at(-1);
  const hasMore = found.length > limit && last !== undefined;
  return {
    messages: page.filter((message) => message.deletedAt === null),
    next: hasMore ? { at: last.createdAt, conversationId: last.conversationId, seq: last.seq } : null,
  };
}

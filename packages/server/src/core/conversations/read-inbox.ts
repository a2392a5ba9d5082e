import type {
  InboxEntry,
  InboxPage,
  ReadEntries,
  ReadInbox,
  ReadUnread,
  UnreadList,
} from "@parlance/protocol/queries.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../parts.ts";
import { actingUser, mayReadInbox } from "../policy.ts";

export async function readInbox(
  { reader }: Pick<Parts, "reader">,
  caller: Caller,
  { userId, list = "active", named, limit, after }: ReadInbox,
): Promise<InboxPage> {
  const refusal = mayReadInbox(caller, userId);
  if (refusal !== null) throw refusal;
  const found = await reader.inbox({
    userId,
    list,
    ...(named !== undefined && { named }),
    limit: limit + 1,
    after,
  });
  const entries = found.slice(0, limit);
  const last = entries.at(-1);
  const next =
    found.length > limit && last !== undefined
      ? { at: last.lastMessageAt, conversationId: last.head.conversation.id }
      : null;
  return { entries, next };
}

export async function readEntries(
  { reader }: Pick<Parts, "reader">,
  caller: Caller,
  { conversationIds, few }: ReadEntries,
): Promise<readonly InboxEntry[]> {
  return await reader.entries(actingUser(caller), conversationIds, few);
}

export async function readUnread(
  { reader }: Pick<Parts, "reader">,
  caller: Caller,
  _: ReadUnread,
): Promise<UnreadList> {
  const conversations = await reader.unread(actingUser(caller));
  return { total: conversations.reduce((sum, { unread }) => sum + unread, 0), conversations };
}

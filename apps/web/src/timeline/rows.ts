import type { Message } from "@parlance/client";
import { dayOf } from "../design/time.ts";

/** A message and what stands above it. */
export interface Row {
  readonly message: Message;
  /** The first of its day. */
  readonly startsDay: boolean;
  /** Its author and time are shown: the one before is another's, or long ago. */
  readonly startsGroup: boolean;
  readonly isFirstUnread: boolean;
}

/** What one says within this time of what one said before stands under the same name. */
const GROUP_MS = 5 * 60_000;

/**
 * @param unreadAfter messages of others behind this `seq` were unread when the conversation was opened; null: none
 * @param hasOlder something was said before the first: what stands above that one is not known, so it is left out
 * until it is. No row changes its height when older ones come.
 */
export function rowsOf(
  messages: readonly Message[],
  unreadAfter: number | null,
  myId: string,
  hasOlder: boolean,
): readonly Row[] {
  let marked = unreadAfter === null;
  const rows = messages.map((message, i) => {
    const before = messages[i - 1];
    const startsDay = before === undefined || dayOf(before.createdAt) !== dayOf(message.createdAt);
    const isFirstUnread = !marked && message.seq > (unreadAfter as number) && message.senderId !== myId;
    if (isFirstUnread) marked = true;
    const startsGroup =
      startsDay ||
      isFirstUnread ||
      before === undefined ||
      !isSame(before, message) ||
      message.parentId !== null;
    return { message, startsDay, startsGroup, isFirstUnread };
  });
  return hasOlder ? rows.slice(1) : rows;
}

function isSame(a: Message, b: Message): boolean {
  return (
    a.senderId === b.senderId &&
    a.type !== "system" &&
    b.type !== "system" &&
    Math.abs(b.createdAt - a.createdAt) < GROUP_MS
  );
}

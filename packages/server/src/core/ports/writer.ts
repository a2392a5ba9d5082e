import type { Stored, UnreadCounts } from "@parlance/protocol/commands.ts";
import type { Refusal } from "@parlance/protocol/errors.ts";
import type { Change, ChangeOutcome, Draft, MarkMoved, MarkWish, ReadWish } from "./message-log.ts";

/**
 * The one hand that writes. What resolves is committed and synced; what rejects with a `Refusal` was not
 * stored, except that `unavailable` may hide a commit whose answer was lost: a retry under its key finds it.
 * Drafts and changes of one conversation are written in the order they were given.
 */
export interface Writer {
  /** @param origin the session that must not be told again */
  send(draft: Draft, origin: string | undefined): Promise<Stored>;
  /**
   * Stores what was accepted elsewhere and may have been stored before, in its order: where one is refused and may yet be
   * stored (`unavailable`, `overloaded`), so is all behind it in its conversation. Resolves once each is settled.
   */
  storeAccepted(drafts: readonly Draft[]): Promise<readonly (Stored | Refusal)[]>;
  change(change: Change): Promise<ChangeOutcome>;
  /** Moves marks; resolves once stored, with what moved, or null if it was so already. */
  mark(wish: MarkWish): Promise<MarkMoved | null>;
  /** Notes one message as read; resolves once stored, or at once stored before. */
  markMessage(wish: ReadWish): Promise<void>;
  /** See `MarkLog.markUnread`. */
  markUnread(conversationId: number, userId: string, fromSeq: number): Promise<UnreadCounts | null>;
  /** As `mark`, gathered for up to a second, for marks nobody waits for. */
  noteDelivered(conversationId: number, userId: string, seq: number): void;
}

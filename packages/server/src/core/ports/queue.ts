import type { Queued } from "@parlance/protocol/commands.ts";
import type { Draft } from "./message-log.ts";

/** Where messages wait to be stored, for callers that do not wait for it. */
export interface Queue {
  /**
   * Takes a message for good: what resolves is synced to disk, here or in the store, and will stand in its conversation
   * under the id it resolves with, in the order in which its conversation's messages were given. The same conversation,
   * sender and key give the first one's id again, `key_reused` where the content is another.
   *
   * Rejects with a `Refusal` where it was not taken (`overloaded`, or policy has changed its mind), except that
   * `unavailable` may hide one that was: a retry under its key finds it.
   */
  accept(draft: Draft): Promise<Queued>;
  /** A message that waits; null where it does not, for then it is in the store or nowhere. */
  find(messageId: number): Promise<Waiting | null>;
  /**
   * Has a message that waits noted as read by somebody when it is stored. False where it does not wait, or no longer:
   * then nothing was noted.
   */
  markRead(messageId: number, userId: string): Promise<boolean>;
}

/** As much of a message that waits as policy asks for. */
export type Waiting = Pick<Draft, "conversationId" | "senderId">;

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
}

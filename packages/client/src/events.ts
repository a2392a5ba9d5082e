import type { ServerEventName, ServerEvents } from "@parlance/protocol/websocket.ts";
import type { ClientError } from "./errors.ts";
import type { Connection, Gap, Message, Presence } from "./model.ts";

/** What `client.on` tells, each at once. What is to be shown is rather had from `get` and `subscribe`. */
export interface ClientEvents {
  connection: Connection;
  /**
   * A message was stored, by whomever; not those that this client has sent. `isLive`: it happened just now, rather than
   * while this client was away.
   */
  message: { readonly message: Message; readonly isOwn: boolean; readonly isLive: boolean };
  /** Edited, deleted, pinned, reacted to while away. */
  "message.updated": { readonly message: Message };
  /** A queued message was refused for good: `messages.retry` or `messages.discard`. */
  "message.failed": { readonly message: Message; readonly error: ClientError };
  reaction: {
    readonly conversationId: string;
    readonly messageId: string;
    readonly userId: string;
    readonly emoji: string;
    readonly isAdded: boolean;
  };
  receipt: {
    readonly conversationId: string;
    readonly userId: string;
    readonly deliveredSeq: number;
    readonly readSeq: number;
    readonly readAt: number | null;
  };
  typing: {
    readonly conversationId: string;
    readonly userId: string;
    readonly name: string | null;
    readonly isTyping: boolean;
  };
  presence: Presence;
  /** One was removed from it, or it was deleted. */
  "conversation.removed": { readonly conversationId: string };
  /** A hole in what was told; it is being looked up. */
  gap: Gap & { readonly conversationId: string };
  /** What was missed cannot be told: everything is loaded again. */
  reset: { readonly reason: string };
  /** The storage refuses: what is queued would not survive a reload. Told once until it works again. */
  storage: { readonly error: unknown };
  /** Something that nobody waits for has failed. */
  problem: { readonly error: ClientError };
  /** Each frame as it came, for those who want to look at them. */
  frame: { readonly event: ServerEventName; readonly payload: ServerEvents[ServerEventName] };
}

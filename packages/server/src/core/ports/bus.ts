import type { Event, PresenceSignal, Signal } from "@parlance/protocol/events.ts";

export type Topic = `conversation:${number}` | `user:${string}` | "everyone";

export type News =
  /** Events of one conversation, in order of their ticks, of consecutive ticks. */
  | {
      readonly topic: Topic;
      readonly kind: "events";
      readonly conversationId: number;
      readonly events: readonly Event[];
    }
  /** A signal to those who listen to a conversation; `except` names one user who is not told. */
  | {
      readonly topic: Topic;
      readonly kind: "signal";
      readonly conversationId: number;
      readonly signal: Signal;
      readonly except?: string;
    }
  /** Somebody came or went: for all who share one of these conversations, they themselves too. */
  | {
      readonly topic: Topic;
      readonly kind: "presence";
      readonly conversationIds: readonly number[];
      readonly signal: PresenceSignal;
      /** Users who are not told all the same. */
      readonly except: readonly string[];
    }
  /** To all of one user's connections, and nobody else's. */
  | { readonly topic: Topic; readonly kind: "personal"; readonly userId: string; readonly signal: Signal }
  /** A user's name is another, or they were deactivated: then their connections end. */
  | {
      readonly topic: Topic;
      readonly kind: "user-changed";
      readonly userId: string;
      readonly deactivated: boolean;
    }
  /** Its people or settings are others: for those who remember how people stand in it without listening to it. */
  | { readonly topic: Topic; readonly kind: "conversation-changed"; readonly conversationId: number }
  /** A user was let into a conversation. */
  | {
      readonly topic: Topic;
      readonly kind: "joined";
      readonly userId: string;
      readonly conversationId: number;
      readonly seq: number;
    };

/**
 * News for every node. The bus may forget and may be late: only the store must be right. What one publisher
 * says on one topic is never reordered. Nothing said on a topic before its `subscribe` resolved is promised.
 */
export interface Bus {
  publish(news: readonly News[]): void;
  subscribe(topic: Topic): Promise<void>;
  unsubscribe(topic: Topic): void;
  /** One listener per node: the hub. `lost` is called when news may have been missed. */
  listen(listener: { news(news: readonly News[]): void; lost(): void }): void;
  close(): Promise<void>;
}

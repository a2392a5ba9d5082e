import type { Event, Signal } from "@parlance/protocol/events.ts";

/**
 * How one dialect says what is told. Each event is encoded once per codec and shared by all its listeners, so
 * nothing in it may be personal.
 */
export interface Codec {
  /**
   * Where each event carries the position after it: what stands before that event's frames. `events` is then asked
   * for one event at a time and `position` only for one that goes alone.
   */
  readonly stamp?: (position: string) => string;
  /** Complete frames, in order; null when this dialect says nothing of them. */
  events(events: readonly Event[]): Buffer | null;
  signal(signal: Signal): Buffer | null;
  position(position: string): Buffer | null;
}

/** Why delivery ends a connection; each dialect says it in its own form. All of them mean: come back and resume. */
export type EndReason = "slow_consumer" | "restart" | "expired" | "deactivated";

/** Which conversations one connection wants to hear, where that is not all of its user's. */
export interface Interest {
  hears(conversationId: number): boolean;
  /** Whether messages are among what it hears, so that they count as delivered. Absent: they are. */
  readonly receives?: () => boolean;
  /** Whether it is told this of a conversation that it does not hear. */
  wants(event: Event): boolean;
}

/** What a dialect gives delivery of one connection. */
export interface Outlet {
  readonly codec: Codec;
  /** Null: everything its user may hear. Asked when something is told, so that it may change meanwhile. */
  readonly interest: Interest | null;
  /** Hands buffers to the socket in one write. */
  write(buffers: readonly Buffer[]): void;
  /** Bytes handed over that the socket has not taken yet. */
  readonly buffered: number;
  /** Resolves when the socket has taken most of what it was given, or is gone. */
  drained(): Promise<void>;
  end(reason: EndReason): void;
}

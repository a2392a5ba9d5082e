import type { FrameLimits } from "../frames/parser.ts";

export interface SessionLimits extends FrameLimits {
  /** What the server offers and wants, both ways. */
  readonly heartBeatMs: number;
  /** How often a client that promises no heart-beats is asked for a sign of life. */
  readonly pingMs: number;
  /** From the opening to CONNECT. */
  readonly connectMs: number;
  /** From a frame's first byte to its last: one that says it is longer than it is would be waited for for ever. */
  readonly frameMs: number;
  readonly maxSubscriptions: number;
  /** Frames, and messages of the transport that carry them. */
  readonly maxFramesPerSecond: number;
  /** What may wait to be read by one client. */
  readonly maxSendQueueBytes: number;
}

/** What needs no option. A token of 8 KiB and a position of 4 KiB are among the headers. */
export const FIXED_LIMITS = {
  maxHeadBytes: 16 * 1024,
  maxHeaders: 64,
  heartBeatMs: 10_000,
  connectMs: 10_000,
  frameMs: 30_000,
  maxSubscriptions: 100,
} as const satisfies Partial<SessionLimits>;

/** How often a session must be visited so that its heart-beats are in time. */
export function visitMs({ heartBeatMs }: Pick<SessionLimits, "heartBeatMs">): number {
  return heartBeatMs / 5;
}

import type { Flusher, Positions, Session } from "./session.ts";

/**
 * One write per connection per turn of the event loop: acks, events and position of a batch leave together.
 * Measured: 9.5 → 1.0–1.6 µs CPU a delivery for bursts of ten.
 */
export function createFlusher(positions: Positions): Flusher {
  let due: Session[] = [];
  /** Listeners of one conversation mostly share both parts, and so their joining. */
  let joined = new Map<Buffer, { position: Buffer; both: Buffer }>();

  const join = (frames: Buffer, positionFrame: Buffer): Buffer => {
    const known = joined.get(frames);
    if (known?.position === positionFrame) return known.both;
    const both = Buffer.concat([frames, positionFrame]);
    joined.set(frames, { position: positionFrame, both });
    return both;
  };

  const flushAll = (): void => {
    const sessions = due;
    due = [];
    for (const session of sessions) session.flush(positions, join);
    if (joined.size > 0) joined = new Map();
  };

  return {
    due(session) {
      if (due.length === 0) setImmediate(flushAll);
      due.push(session);
    },
  };
}

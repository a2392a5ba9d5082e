/**
 * - `unavailable`, `timeout`: it fails before anything was done, the second after a long wait.
 * - `after`: it is done, and the answer is lost.
 */
export type Fault = "none" | "unavailable" | "timeout" | "after";

/** What happens to one operation. */
export interface Mood {
  /** Milliseconds. */
  readonly waitBefore: number;
  readonly fault: Fault;
  readonly waitAfter: number;
}

export interface MoodOptions {
  readonly seed: number;
  /** The longest wait before, and after, in milliseconds. */
  readonly latencyMs: number;
  /** Of a hundred operations so many. */
  readonly unavailablePercent: number;
  readonly timeoutPercent: number;
  readonly afterPercent: number;
  readonly timeoutMs: number;
}

export interface Moods {
  readonly timeoutMs: number;
  next(): Mood;
  /** How often an event is told: 1, 2 or 3 times, in 3, 4 and 2 of nine cases. */
  copies(): number;
}

/** Operations and events draw apart, so that who listens changes nothing for who asks. */
export function createMoods(options: MoodOptions): Moods {
  const { seed, latencyMs, unavailablePercent, timeoutPercent, afterPercent, timeoutMs } = options;
  const draw = createRandom(seed);
  const drawCopies = createRandom(~seed);
  const faultOf = (drawn: number): Fault => {
    if (drawn < unavailablePercent) return "unavailable";
    if (drawn < unavailablePercent + timeoutPercent) return "timeout";
    return drawn < unavailablePercent + timeoutPercent + afterPercent ? "after" : "none";
  };
  return {
    timeoutMs,
    next: () => ({
      waitBefore: draw() * latencyMs,
      fault: faultOf(draw() * 100),
      waitAfter: draw() * latencyMs,
    }),
    copies() {
      const drawn = drawCopies() * 9;
      return drawn < 3 ? 1 : drawn < 7 ? 2 : 3;
    },
  };
}

/** Numbers from 0 to below 1 (a counter by an odd step, each mixed by itself). */
function createRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

export async function pause(ms: number): Promise<void> {
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Waits before the second try and on: fourteen tries within a day. */
export const DAY_OF_RETRIES: readonly number[] = [
  5 * SECOND,
  30 * SECOND,
  2 * MINUTE,
  5 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  2 * HOUR,
  3 * HOUR,
  4 * HOUR,
  5 * HOUR,
  6 * HOUR,
];

/** However long an endpoint asks to be left alone, it is asked again after this. */
const LONGEST_ASKED = HOUR;

/** Waits differ by up to a fifth, so that what failed together does not come together again. */
const JITTER = 0.2;

export interface Tried {
  /** Tries so far, the last one among them. */
  readonly tries: number;
  /** As the answer's Retry-After has it; null where there is none. */
  readonly retryAfter: string | null;
  /** Epoch milliseconds. */
  readonly now: number;
  /** From 0 to below 1. */
  readonly random: () => number;
}

/** Milliseconds until the next try; null: there is none. */
export function nextTry(waits: readonly number[], { tries, retryAfter, now, random }: Tried): number | null {
  const wait = waits[tries - 1];
  if (wait === undefined) return null;
  const jittered = wait * (1 + JITTER * (2 * random() - 1));
  return Math.max(jittered, Math.min(LONGEST_ASKED, askedWait(retryAfter, now)));
}

/** Seconds or a date. */
function askedWait(retryAfter: string | null, now: number): number {
  if (retryAfter === null) return 0;
  const asked = /^\d{1,15}$/.test(retryAfter) ? Number(retryAfter) * SECOND : Date.parse(retryAfter) - now;
  return Number.isFinite(asked) ? asked : 0;
}

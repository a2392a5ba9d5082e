const LONGEST_MS = 30_000;
const FIRST_MS = 500;

/**
 * Milliseconds before the nth attempt, from 1: at random over the whole span, so that those who lost the same server do
 * not return together.
 */
export function backoff(attempt: number, random: () => number = Math.random): number {
  return random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** attempt);
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

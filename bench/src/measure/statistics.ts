/** The middle value and what surrounds it, over the rounds of one run. */
export type Spread = { median: number; low: number; high: number; values: number[] };

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  if (sorted.length === 0) return { median: Number.NaN, low: Number.NaN, high: Number.NaN, values: [] };
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, low: sorted[0]!, high: sorted.at(-1)!, values: [...values] };
}

/** Ratios are taken round by round: both halves of a round had the same weather. */
export function ratioOf(ours: readonly number[], theirs: readonly number[]): Spread {
  const rounds = Math.min(ours.length, theirs.length);
  return spreadOf(Array.from({ length: rounds }, (_, round) => ours[round]! / theirs[round]!));
}

/**
 * A log-linear histogram of microseconds: 64 buckets an octave, so a value is known to 1.6 %. Percentiles of
 * several runs come from the merged counts; percentiles themselves are never averaged.
 */
const SUB_BITS = 6;
const SUB = 1 << SUB_BITS;
const MAX_VALUE = 2 ** 31 - 1;
const BUCKETS = bucketOf(MAX_VALUE) + 1;

function bucketOf(value: number): number {
  if (value < SUB) return value;
  const exponent = 31 - SUB_BITS - Math.clz32(value);
  return (exponent << SUB_BITS) + (value >>> exponent);
}

/** The highest value that falls into the bucket: a percentile is never flattered. */
function highestOf(bucket: number): number {
  if (bucket < 2 * SUB) return bucket;
  const exponent = (bucket >>> SUB_BITS) - 1;
  const low = ((bucket & (SUB - 1)) + SUB) * 2 ** exponent;
  return low + 2 ** exponent - 1;
}

/** What crosses process borders and goes into the results: [bucket, count] of every bucket in use. */
export type HistogramData = { max: number; counts: [number, number][] };

export class Histogram {
  #counts = new Float64Array(BUCKETS);
  #total = 0;
  #max = 0;

  /** Values are microseconds; below 0 counts as 0, above 35 minutes as 35 minutes. */
  record(microseconds: number): void {
    const value = microseconds <= 0 ? 0 : microseconds >= MAX_VALUE ? MAX_VALUE : Math.round(microseconds);
    const bucket = bucketOf(value);
    this.#counts[bucket] = this.#counts[bucket]! + 1;
    this.#total += 1;
    if (value > this.#max) this.#max = value;
  }

  get total(): number {
    return this.#total;
  }

  get max(): number {
    return this.#max;
  }

  /** The value that `fraction` (0 to 1) of all records do not exceed, in microseconds; 0 when empty. */
  percentile(fraction: number): number {
    const wanted = Math.max(1, Math.ceil(fraction * this.#total));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#counts[bucket]!;
      if (seen >= wanted) return Math.min(highestOf(bucket), this.#max);
    }
    return 0;
  }

  merge(other: HistogramData): this {
    for (const [bucket, count] of other.counts) {
      this.#counts[bucket] = this.#counts[bucket]! + count;
      this.#total += count;
    }
    this.#max = Math.max(this.#max, other.max);
    return this;
  }

  toData(): HistogramData {
    const counts: [number, number][] = [];
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const count = this.#counts[bucket]!;
      if (count > 0) counts.push([bucket, count]);
    }
    return { max: this.#max, counts };
  }
}

export function mergeAll(parts: readonly HistogramData[]): Histogram {
  const merged = new Histogram();
  for (const part of parts) merged.merge(part);
  return merged;
}

/**
 * Of one thing that is limited: a bucket for each user, as large as what is allowed in a minute, that refills evenly.
 * What one user does on one node is taken in its order.
 */
export interface RateBuckets {
  /** Takes one, and answers 0; or, of an empty bucket, in how many milliseconds there will be one. */
  take(userId: string): number | Promise<number>;
  /** Gives one back. */
  giveBack(userId: string): void;
}

/** Ticks of a conversation, in `(since, through]`. */
export interface TickRange {
  readonly conversationId: number;
  readonly since: number;
  readonly through: number;
}

/**
 * What a consumer is to do next: each conversation at most once, and of each what follows what it has done. The store
 * notes it as done by the batch whole, in the transaction of what the consumer does about it.
 */
export interface FollowBatch {
  readonly consumer: string;
  /** The process that took it. Once another has taken over, nothing can be noted as done for this one. */
  readonly holder: string;
  readonly ranges: readonly TickRange[];
}

/**
 * One who must see every tick of every conversation: at least once, of each conversation in order. Known by its name
 * for ever: what it has done is stored under it.
 */
export interface Consumer {
  readonly name: string;
  /** What it has to see when it is first made known: all there is, or only what comes. */
  readonly from: "beginning" | "now";
  /**
   * Does its work and notes it as done: by a statement of its own that calls `settle_ranges`, so that both stay or
   * neither, or by `FollowStore.settle` after work that may be done twice.
   *
   * Rejects with a `StoreError` of `again` or `unavailable` to be given the same again later. Any other failure is taken
   * for one of something in the batch: it comes again in halves, until the one tick is found that cannot be taken, and
   * that is passed over.
   */
  consume(batch: FollowBatch): Promise<void>;
}

/** Where consumers' positions are kept. Rejects with `StoreError`. */
export interface FollowStore {
  /** Makes a consumer known, where it is not yet. */
  follow(consumer: Pick<Consumer, "name" | "from">): Promise<void>;
  /**
   * What has waited longest, about `ticks` ticks of it; takes or renews the lease. Null: another process holds it.
   * @param leaseMs for how long nobody else gets anything of this consumer's
   */
  next(
    consumer: string,
    holder: string,
    options: { leaseMs: number; ticks: number },
  ): Promise<FollowWork | null>;
  settle(batch: FollowBatch): Promise<void>;
  /** Settles one tick that cannot be taken, and keeps a note of it. */
  skip(batch: FollowBatch, reason: string): Promise<void>;
  /** Gives the lease back. */
  release(consumer: string, holder: string): Promise<void>;
}

export interface FollowWork {
  readonly batch: FollowBatch;
  /** How long the oldest of it has waited; 0 where there is nothing to do. */
  readonly behindMs: number;
}

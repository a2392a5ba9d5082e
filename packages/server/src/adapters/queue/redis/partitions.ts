/**
 * Into how many streams messages are divided. A conversation stays in one of them, which one process at a time drains:
 * so its order holds. Never changed while anything waits.
 */
export const PARTITIONS = 16;

/** Where one partition lies: all in one slot of a cluster, so that a script sees it whole. */
export interface Partition {
  readonly number: number;
  /** Stream: what waits, in the order in which it was accepted. What was stored is cut off at its front. */
  readonly entries: string;
  /** Hash: the entry of each message that waits, by the message's id. */
  readonly ids: string;
  /** Hash: the message that each idempotency key is promised to while that waits. */
  readonly keys: string;
  /** Hash: who has read a message that waits, by the message's id; one user a line. */
  readonly reads: string;
  /** Stream: what cannot be stored. */
  readonly dead: string;
  /** The process that drains it, for as long as it says so. */
  readonly owner: string;
}

/** @param prefix of all keys */
export function partitionsOf(prefix: string): readonly Partition[] {
  return Array.from({ length: PARTITIONS }, (_, number) => {
    const key = (name: string) => `{${prefix}queue:${number}}:${name}`;
    return {
      number,
      entries: key("entries"),
      ids: key("ids"),
      keys: key("keys"),
      reads: key("reads"),
      dead: key("dead"),
      owner: key("owner"),
    };
  });
}

export function partitionOf(partitions: readonly Partition[], conversationId: number): Partition {
  return partitions[conversationId % PARTITIONS] as Partition;
}

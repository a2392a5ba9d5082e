/**
 * Who has live connections, over all nodes, and what devices are at their ends. Entries of a node that dies expire.
 * What one node says of one connection takes effect in the order in which it was said.
 */
export interface PresenceRegistry {
  /**
   * Whether the user had none before. Said again of a connection that is known it renews what its device is: a type,
   * or null where that is not known.
   */
  opened(userId: string, sessionId: string, deviceType: string | null): Promise<boolean>;
  /** Whether the user has none left. */
  closed(userId: string, sessionId: string): Promise<boolean>;
  /** Those of the users who have a connection, each with the type of device that was said last of one that is open. */
  online(userIds: readonly string[]): Promise<ReadonlyMap<string, string | null>>;
  /**
   * Called with users whose last connections went with a node that has ended, on one node and once, and with when that
   * node was heard of last (epoch ms).
   */
  onGone(listener: (userIds: readonly string[], seenAt: number) => void): void;
  /**
   * From here on nothing that closes here is the last of its user: this node ends, and others see to those of its users
   * who do not come to them. Where there are no others nothing changes.
   */
  leave(): Promise<void>;
}

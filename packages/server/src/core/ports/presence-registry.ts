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
}

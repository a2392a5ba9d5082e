/** Who has live connections, over all nodes. Entries of a node that dies expire. */
export interface PresenceRegistry {
  /** Whether it is the user's only connection now. */
  opened(userId: string, sessionId: string): Promise<boolean>;
  /** Whether the user has none left. */
  closed(userId: string, sessionId: string): Promise<boolean>;
  /** Those of the users who have a connection. */
  online(userIds: readonly string[]): Promise<ReadonlySet<string>>;
}

import type { PresenceRegistry } from "../../core/ports/presence-registry.ts";

/** The registry of a single process: what dies with it needs no expiry. */
export function createInProcessPresence(): PresenceRegistry {
  /** By user: the types of their devices by connection, the one said last at the end. */
  const users = new Map<string, Map<string, string | null>>();
  return {
    async opened(userId, sessionId, deviceType) {
      const own = users.get(userId);
      if (own === undefined) users.set(userId, new Map([[sessionId, deviceType]]));
      else {
        own.delete(sessionId);
        own.set(sessionId, deviceType);
      }
      return own === undefined;
    },
    async closed(userId, sessionId) {
      const own = users.get(userId);
      if (!own?.delete(sessionId) || own.size > 0) return false;
      users.delete(userId);
      return true;
    },
    async online(userIds) {
      const online = new Map<string, string | null>();
      for (const id of userIds) {
        const own = users.get(id);
        if (own === undefined) continue;
        let last: string | null = null;
        for (const type of own.values()) last = type ?? last;
        online.set(id, last);
      }
      return online;
    },
    onGone() {},
    async leave() {},
  };
}

import type { PresenceRegistry } from "../../core/ports/presence-registry.ts";

/** The registry of a single process: what dies with it needs no expiry. */
export function createInProcessPresence(): PresenceRegistry {
  const sessions = new Map<string, Set<string>>();
  return {
    async opened(userId, sessionId) {
      const own = sessions.get(userId);
      if (own === undefined) sessions.set(userId, new Set([sessionId]));
      else own.add(sessionId);
      return own === undefined;
    },
    async closed(userId, sessionId) {
      const own = sessions.get(userId);
      if (!own?.delete(sessionId) || own.size > 0) return false;
      sessions.delete(userId);
      return true;
    },
    async online(userIds) {
      return new Set(userIds.filter((id) => sessions.has(id)));
    },
  };
}

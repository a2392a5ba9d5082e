import type { Status } from "@parlance/protocol/model.ts";
import type { Bus } from "../ports/bus.ts";
import type { Log } from "../ports/log.ts";
import type { PresenceRegistry } from "../ports/presence-registry.ts";
import type { UserStore } from "../ports/reader.ts";

/** A connection that comes back within this time was never away: reloading a page makes no noise. */
const OFFLINE_DELAY_MS = 2_000;

/** Who is here: from connections, with the status a user has chosen laid over it. */
export interface Presence {
  opened(userId: string, sessionId: string): void;
  /** @param audience conversations that hear of it, as they were while the user was here */
  closed(userId: string, sessionId: string, audience: readonly number[]): void;
  setStatus(userId: string, status: Status): Promise<void>;
  /** Tells what is still waiting to be told, and stores when people were last here. */
  drain(): Promise<void>;
}

export function createPresence(options: {
  readonly registry: PresenceRegistry;
  readonly users: Pick<UserStore, "find" | "setStatus" | "setLastSeen">;
  readonly bus: Pick<Bus, "publish">;
  /** The conversations of a user of this node that are small enough to hear of presence. */
  readonly audienceOf: (userId: string) => readonly number[];
  readonly now: () => number;
  readonly log: Log;
}): Presence {
  const { registry, users, bus } = options;
  const leaving = new Map<string, NodeJS.Timeout>();
  const working = new Set<Promise<void>>();

  const tell = (
    userId: string,
    status: Status,
    lastSeenAt: number | null,
    conversationIds: readonly number[],
  ) => {
    if (conversationIds.length === 0) return;
    const signal = { type: "presence" as const, userId, status, lastSeenAt };
    bus.publish([{ topic: "everyone", kind: "presence", conversationIds, signal }]);
  };

  const work = (task: () => Promise<void>): void => {
    const running: Promise<void> = task()
      .catch(() => options.log.warn({}, "presence could not be told"))
      .finally(() => working.delete(running));
    working.add(running);
  };

  const gone = async (userId: string, audience: readonly number[]): Promise<void> => {
    leaving.delete(userId);
    if ((await registry.online([userId])).has(userId)) return;
    const at = options.now();
    tell(userId, "offline", at, audience);
    await users.setLastSeen([userId], at);
  };

  return {
    opened: (userId, sessionId) =>
      work(async () => {
        const first = await registry.opened(userId, sessionId);
        const timer = leaving.get(userId);
        if (timer !== undefined) {
          clearTimeout(timer);
          leaving.delete(userId);
        } else if (first && options.audienceOf(userId).length > 0) {
          const [user] = await users.find([userId]);
          tell(userId, user?.status ?? "online", null, options.audienceOf(userId));
        }
      }),
    closed: (userId, sessionId, audience) =>
      work(async () => {
        if (!(await registry.closed(userId, sessionId))) return;
        leaving.set(
          userId,
          setTimeout(() => work(() => gone(userId, audience)), OFFLINE_DELAY_MS),
        );
      }),
    async setStatus(userId, status) {
      await users.setStatus(userId, status);
      tell(userId, status, null, options.audienceOf(userId));
    },
    async drain() {
      for (const timer of leaving.values()) clearTimeout(timer);
      const ids = [...leaving.keys()];
      leaving.clear();
      await Promise.all(working);
      if (ids.length > 0) await users.setLastSeen(ids, options.now()).catch(() => {});
    },
  };
}

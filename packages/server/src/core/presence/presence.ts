import type { Status } from "@parlance/protocol/model.ts";
import { createGather } from "../gather.ts";
import type { Bus, News } from "../ports/bus.ts";
import type { Log } from "../ports/log.ts";
import type { PresenceRegistry } from "../ports/presence-registry.ts";
import type { UserStore } from "../ports/reader.ts";
import { createPace } from "./pace.ts";
import { createStatusWrites } from "./status-writes.ts";

/** A connection that comes back within this time was never away: reloading a page makes no noise. */
const OFFLINE_DELAY_MS = 2_000;
/** Those who have gone are looked through so often, and stored together: thousands may go at once. */
const ROUND_MS = 500;
const MAX_STORED_AT_ONCE = 1_000;

/** A user's presence is told, and a status they have chosen stored, at most so often: the last of more counts. */
const TOLD_EVERY_MS = 1_000;

/** Who is here: from connections, with the status a user has chosen laid over it. */
export interface Presence {
  opened(userId: string, sessionId: string): void;
  /** @param audience conversations that hear of it, as they were while the user was here */
  closed(userId: string, sessionId: string, audience: readonly number[]): void;
  /** Resolves when it is stored, or in its place what was chosen after it. Who chooses `offline` is not seen to come or go. */
  setStatus(userId: string, status: Status): Promise<void>;
  /** Tells what is still waiting to be told, and stores when people were last here. */
  drain(): Promise<void>;
}

interface Leaving {
  readonly wentAt: number;
  readonly audience: readonly number[];
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
  /** Users without a connection who may come back, in the order in which they went. */
  const leaving = new Map<string, Leaving>();
  let timer: NodeJS.Timeout | null = null;
  const statusOf = createGather(async (ids: readonly string[]) => {
    return new Map((await users.find(ids)).map((user) => [user.id, user.status]));
  });
  const working = new Set<Promise<void>>();
  const pace = createPace<News>(TOLD_EVERY_MS, (news) => bus.publish([news]));

  const tell = (
    userId: string,
    status: Status,
    lastSeenAt: number | null,
    conversationIds: readonly number[],
  ) => {
    if (conversationIds.length === 0) return;
    const signal = { type: "presence" as const, userId, status, lastSeenAt };
    pace.say(userId, { topic: "everyone", kind: "presence", conversationIds, signal });
  };
  const statuses = createStatusWrites(TOLD_EVERY_MS, async (userId, status) => {
    await users.setStatus(userId, status);
    tell(userId, status, null, options.audienceOf(userId));
  });

  const work = (task: () => Promise<void>): void => {
    const running: Promise<void> = task()
      .catch(() => options.log.warn({}, "presence could not be told"))
      .finally(() => working.delete(running));
    working.add(running);
  };

  const lookThrough = async (): Promise<void> => {
    const at = options.now();
    const due: [string, Leaving][] = [];
    for (const [userId, left] of leaving) {
      if (at - left.wentAt < OFFLINE_DELAY_MS || due.length === MAX_STORED_AT_ONCE) break;
      due.push([userId, left]);
    }
    if (due.length === 0) return;
    const online = await registry.online(due.map(([userId]) => userId));
    const gone = due.map(([userId]) => userId).filter((userId) => !online.has(userId));
    const seen = await users.setLastSeen(gone, at);
    for (const [userId, left] of due) {
      // Who has come back meanwhile was never away.
      if (leaving.get(userId) !== left) continue;
      leaving.delete(userId);
      if (seen.has(userId)) tell(userId, "offline", left.wentAt, left.audience);
    }
  };

  const arm = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = leaving.size === 0 ? null : setTimeout(() => work(() => lookThrough().finally(arm)), ROUND_MS);
  };

  return {
    opened: (userId, sessionId) =>
      work(async () => {
        const first = await registry.opened(userId, sessionId);
        const cameBack = leaving.delete(userId);
        if (!first || cameBack || options.audienceOf(userId).length === 0) return;
        const status = (await statusOf(userId)) ?? "online";
        if (status !== "offline") tell(userId, status, null, options.audienceOf(userId));
      }),
    closed: (userId, sessionId, audience) =>
      work(async () => {
        if (!(await registry.closed(userId, sessionId))) return;
        leaving.set(userId, { wentAt: options.now(), audience });
        if (timer === null) arm();
      }),
    setStatus: (userId, status) => statuses.set(userId, status),
    async drain() {
      if (timer !== null) clearTimeout(timer);
      await statuses.drain();
      await Promise.all(working);
      pace.flush();
      const ids = [...leaving.keys()];
      leaving.clear();
      if (timer !== null) clearTimeout(timer);
      if (ids.length > 0) await users.setLastSeen(ids, options.now()).catch(() => null);
    },
  };
}

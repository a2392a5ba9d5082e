import type { PresenceSignal } from "@parlance/protocol/events.ts";
import type { Status } from "@parlance/protocol/model.ts";
import type { UserPresence } from "@parlance/protocol/queries.ts";
import { createGather } from "../gather.ts";
import type { Bus } from "../ports/bus.ts";
import type { Log } from "../ports/log.ts";
import type { PeopleStore } from "../ports/people-store.ts";
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
  /** As they are seen, by their ids: an unknown user is left out. */
  read(userIds: readonly string[]): Promise<ReadonlyMap<string, UserPresence>>;
  /** Of two who share a conversation each sees the other go, or come back where neither blocks the other any more. */
  blockChanged(userId: string, otherId: string): Promise<void>;
  /** Tells what is still waiting to be told, and stores when people were last here. */
  drain(): Promise<void>;
}

interface Told {
  readonly signal: PresenceSignal;
  readonly conversationIds: readonly number[];
}

interface Leaving {
  readonly wentAt: number;
  readonly audience: readonly number[];
}

export function createPresence(options: {
  readonly registry: PresenceRegistry;
  readonly users: Pick<UserStore, "find" | "setStatus" | "setLastSeen">;
  readonly people: Pick<PeopleStore, "barredFrom" | "acquainted">;
  readonly bus: Pick<Bus, "publish">;
  /** The conversations of a user of this node that are small enough to hear of presence. */
  readonly audienceOf: (userId: string) => readonly number[];
  /** How many people those have at most. */
  readonly maxAudience: number;
  readonly now: () => number;
  readonly log: Log;
}): Presence {
  const { registry, users, people, bus } = options;
  /** Users without a connection who may come back, in the order in which they went. */
  const leaving = new Map<string, Leaving>();
  let timer: NodeJS.Timeout | null = null;
  const statusOf = createGather(async (ids: readonly string[]) => {
    return new Map((await users.find(ids)).map((user) => [user.id, user.status]));
  });
  const barredFrom = createGather((ids: readonly string[]) => people.barredFrom(ids));
  const working = new Set<Promise<void>>();
  const pace = createPace<Told>(TOLD_EVERY_MS, ({ signal, conversationIds }) =>
    work(async () => {
      // Asked at the last moment: who was blocked while this was held back is not told.
      const except = (await barredFrom(signal.userId)) ?? [];
      bus.publish([{ topic: "everyone", kind: "presence", conversationIds, signal, except }]);
    }),
  );

  const tell = (
    userId: string,
    status: Status,
    lastSeenAt: number | null,
    conversationIds: readonly number[],
  ) => {
    if (conversationIds.length === 0) return;
    const signal = { type: "presence" as const, userId, status, lastSeenAt };
    pace.say(userId, { conversationIds, signal });
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

  const read = async (userIds: readonly string[]): Promise<ReadonlyMap<string, UserPresence>> => {
    const [records, online] = await Promise.all([users.find(userIds), registry.online(userIds)]);
    return new Map(
      records.map(({ id, name, status, lastSeenAt }) => {
        const isSeen = online.has(id) && status !== "offline";
        return [
          id,
          { userId: id, name, status: isSeen ? status : "offline", lastSeenAt: isSeen ? null : lastSeenAt },
        ];
      }),
    );
  };

  /** Tells one of the two alone what they see of the other. */
  const tellAlone = (toId: string, { userId, status, lastSeenAt }: UserPresence): void => {
    const signal = { type: "presence" as const, userId, status, lastSeenAt };
    bus.publish([{ topic: `user:${toId}`, kind: "personal", userId: toId, signal }]);
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
    read,
    async blockChanged(userId, otherId) {
      const isBarred = (await people.barredFrom([userId])).get(userId)?.includes(otherId) ?? false;
      const acquainted = await people.acquainted(userId, [otherId], options.maxAudience);
      if (acquainted.size === 0) return;
      const seen = await read([userId, otherId]);
      for (const [id, to] of [
        [userId, otherId],
        [otherId, userId],
      ] as const) {
        const state = seen.get(id);
        // Who is not seen to be here is not seen to go.
        if (state === undefined || state.status === "offline") continue;
        tellAlone(to, isBarred ? { ...state, status: "offline", lastSeenAt: options.now() } : state);
      }
    },
    async drain() {
      if (timer !== null) clearTimeout(timer);
      await statuses.drain();
      await Promise.all(working);
      pace.flush();
      await Promise.all(working);
      const ids = [...leaving.keys()];
      leaving.clear();
      if (timer !== null) clearTimeout(timer);
      if (ids.length > 0) await users.setLastSeen(ids, options.now()).catch(() => null);
    },
  };
}

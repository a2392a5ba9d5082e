import type { Status } from "@parlance/protocol/model.ts";
import type { UserPresence } from "@parlance/protocol/queries.ts";
import { createGather } from "../gather.ts";
import type { Bus } from "../ports/bus.ts";
import type { Log } from "../ports/log.ts";
import type { PeopleStore } from "../ports/people-store.ts";
import type { PresenceRegistry } from "../ports/presence-registry.ts";
import type { UserStore } from "../ports/reader.ts";
import { createFreshness } from "./freshness.ts";
import { createPace } from "./pace.ts";
import { createStatusWrites } from "./status-writes.ts";

/** A connection that comes back within this time was never away: reloading a page makes no noise. */
const OFFLINE_DELAY_MS = 2_000;
/** Those who have gone are looked through so often, and stored together: thousands may go at once. */
const ROUND_MS = 500;
const MAX_STORED_AT_ONCE = 1_000;

/** A user's presence is told, and a status they have chosen stored, at most so often: the last of more counts. */
const TOLD_EVERY_MS = 1_000;
/**
 * In so many conversations at most, always the same: a bot that everybody talks to shall not hold a node up each time
 * it comes or goes. The others see it when they ask.
 */
const MAX_TOLD_IN = 2_000;

/** Who is here: from connections and the devices at their ends, with the status a user has chosen laid over it. */
export interface Presence {
  opened(userId: string, sessionId: string): void;
  /** @param audience conversations that hear of it, as they were while the user was here */
  closed(userId: string, sessionId: string, audience: readonly number[]): void;
  /** What is said of the device at the end of a connection of this node's; of another's, or one that is gone, nothing happens. */
  report(
    userId: string,
    sessionId: string,
    device: { readonly online: boolean; readonly deviceType?: string | null },
  ): void;
  /** The device is in use. Once this was said, it counts as gone when it is not said again in time. */
  refresh(userId: string, sessionId: string): void;
  /** Resolves when it is stored, or in its place what was chosen after it. Who chooses `offline` is not seen to come or go. */
  setStatus(userId: string, status: Status): Promise<void>;
  /** As they are seen, by their ids: an unknown user is left out. */
  read(userIds: readonly string[]): Promise<ReadonlyMap<string, UserPresence>>;
  /** Of two who share a conversation each sees the other go, or come back where neither blocks the other any more. */
  blockChanged(userId: string, otherId: string): Promise<void>;
  /** Of how many people a conversation may be for its people to be told of one another's presence. */
  readonly maxAudience: number;
  /** Tells what is still waiting to be told, and stores when people were last here. */
  drain(): Promise<void>;
}

/** What is at the end of a connection of this node's. */
interface Device {
  readonly userId: string;
  readonly sessionId: string;
  type: string | null;
  /** Whether it wants to be seen. */
  isShown: boolean;
  isStale: boolean;
  /** Whether it has ever been refreshed, and so goes stale. */
  goesStale: boolean;
  /** Whether the registry has it. */
  counts: boolean;
}

/** A user who has a connection to this node, or whose last one has just gone. */
interface Known {
  readonly devices: Map<string, Device>;
  /** What this node has told of them last; null where somebody else may have told more since. */
  told: UserPresence | null;
}

interface Leaving {
  /** When they are to be told gone, unless they come back. */
  readonly dueAt: number;
  readonly seenAt: number;
  readonly audience: readonly number[];
}

interface News {
  /** To be told only if they are still seen so when its turn comes. */
  readonly isHere: boolean;
  readonly audience: readonly number[];
  /** Told even if it is what was told last. */
  readonly anyway: boolean;
}

export function createPresence(options: {
  readonly registry: PresenceRegistry;
  readonly users: Pick<UserStore, "find" | "setStatus" | "setLastSeen">;
  readonly people: Pick<PeopleStore, "barredFrom" | "acquainted" | "smallConversations">;
  readonly bus: Pick<Bus, "publish">;
  /** The conversations of a user of this node that are small enough to hear of presence. */
  readonly audienceOf: (userId: string) => readonly number[];
  /** How many people those have at most. */
  readonly maxAudience: number;
  /** For how long a device that has to be refreshed counts without. */
  readonly staleMs: number;
  readonly now: () => number;
  readonly log: Log;
}): Presence {
  const { registry, users, people, bus, audienceOf, now } = options;
  const known = new Map<string, Known>();
  /** Users without a connection who may come back. */
  const leaving = new Map<string, Leaving>();
  let timer: NodeJS.Timeout | null = null;
  const barredFrom = createGather((ids: readonly string[]) => people.barredFrom(ids));
  const stateOf = createGather((ids: readonly string[]) => read(ids));
  const working = new Set<Promise<void>>();
  registry.onGone((userIds, seenAt) =>
    work(async () => {
      const dueAt = now() + OFFLINE_DELAY_MS;
      const audiences = await people.smallConversations(userIds, {
        maxParticipants: options.maxAudience,
        limit: MAX_TOLD_IN,
      });
      for (const userId of userIds) {
        // Who is here again has not gone; what this node knows of who has just gone is newer.
        if (known.get(userId)?.devices.size || leaving.has(userId)) continue;
        leaving.set(userId, { dueAt, seenAt, audience: audiences.get(userId) ?? [] });
      }
      if (timer === null) arm();
    }),
  );

  // All is asked at the last moment: who has gone or was blocked while this was held back is not told.
  const pace = createPace<News>(TOLD_EVERY_MS, ({ isHere, audience, anyway }, userId) =>
    work(async () => {
      const [state, except] = await Promise.all([stateOf(userId), barredFrom(userId)]);
      if (state === undefined || isHere !== (state.status !== "offline")) return;
      const user = known.get(userId);
      if (isHere && !anyway && tellsNothingNew(state, user?.told ?? null)) return;
      if (user !== undefined) user.told = isHere ? state : null;
      const signal = { type: "presence" as const, ...state };
      const conversationIds = audience.slice(0, MAX_TOLD_IN);
      bus.publish([
        conversationIds.length > 0
          ? { topic: "everyone", kind: "presence", conversationIds, signal, except: except ?? [] }
          : { topic: `user:${userId}`, kind: "personal", userId, signal },
      ]);
    }),
  );
  const say = (userId: string, isHere: boolean, over?: Partial<News>): void =>
    pace.say(userId, { isHere, audience: audienceOf(userId), anyway: false, ...over });

  const statuses = createStatusWrites(TOLD_EVERY_MS, async (userId, status) => {
    const left = leaving.get(userId);
    const isHere = left !== undefined || (await registry.online([userId])).has(userId);
    // It is to look like leaving, which those who were not seen anyway do not do.
    const leaves = status === "offline" && isHere && (await storeLastSeen([[userId, now()]])).has(userId);
    await users.setStatus(userId, status);
    if (leaves) say(userId, false, left && { audience: left.audience });
    else if (isHere && status !== "offline") say(userId, true, { anyway: true });
  });

  const storeLastSeen = (seen: readonly (readonly [id: string, at: number])[]) =>
    users.setLastSeen(seen.map(([id, at]) => ({ id, at })));

  const work = (task: () => Promise<void>): void => {
    const running: Promise<void> = task()
      .catch(() => options.log.warn({}, "presence could not be told"))
      .finally(() => working.delete(running));
    working.add(running);
  };

  const lookThrough = async (): Promise<void> => {
    const at = now();
    const due: [string, Leaving][] = [];
    for (const [userId, left] of leaving) {
      if (left.dueAt <= at) due.push([userId, left]);
      if (due.length === MAX_STORED_AT_ONCE) break;
    }
    if (due.length === 0) return;
    const online = await registry.online(due.map(([userId]) => userId));
    const gone = due.filter(([userId]) => !online.has(userId));
    const seen = await storeLastSeen(gone.map(([userId, { seenAt }]) => [userId, seenAt]));
    for (const [userId, left] of due) {
      // Who has come back meanwhile was never away.
      if (leaving.get(userId) !== left) continue;
      leaving.delete(userId);
      if (seen.has(userId)) say(userId, false, { audience: left.audience });
      forgetUnlessHere(userId);
    }
  };

  const forgetUnlessHere = (userId: string): void => {
    if (known.get(userId)?.devices.size === 0 && !leaving.has(userId)) known.delete(userId);
  };

  const read = async (userIds: readonly string[]): Promise<ReadonlyMap<string, UserPresence>> => {
    const [records, online] = await Promise.all([users.find(userIds), registry.online(userIds)]);
    return new Map(
      records.map(({ id, name, status, lastSeenAt }) => [
        id,
        online.has(id) && status !== "offline"
          ? { userId: id, name, status, lastSeenAt: null, deviceType: online.get(id) ?? null }
          : { userId: id, name, status: "offline", lastSeenAt, deviceType: null },
      ]),
    );
  };

  /** Tells one of the two alone what they see of the other. */
  const tellAlone = (toId: string, state: UserPresence): void => {
    bus.publish([
      { topic: `user:${toId}`, kind: "personal", userId: toId, signal: { type: "presence", ...state } },
    ]);
  };

  const arm = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = leaving.size === 0 ? null : setTimeout(() => work(() => lookThrough().finally(arm)), ROUND_MS);
  };

  const come = async ({ userId, sessionId, type }: Device): Promise<void> => {
    const isFirst = await registry.opened(userId, sessionId, type);
    leaving.delete(userId);
    if (isFirst || type !== null) say(userId, true);
  };

  const go = async ({ userId, sessionId, type }: Device, left: Leaving): Promise<void> => {
    const isLast = await registry.closed(userId, sessionId);
    const user = known.get(userId);
    if (isLast) {
      leaving.set(userId, left);
      if (timer === null) arm();
      return;
    }
    if (user !== undefined && ![...user.devices.values()].some((device) => device.counts)) user.told = null;
    if (type !== null) say(userId, true);
  };

  /** Makes it count or not, as it is now. */
  const settle = (device: Device, counts: boolean, leaves: () => Leaving): void => {
    if (counts === device.counts) return;
    device.counts = counts;
    const left = counts ? null : leaves();
    work(async () => {
      if (left === null) await come(device);
      else await go(device, left).finally(() => forgetUnlessHere(device.userId));
    });
  };

  const leavingSoon = (silentMs = 0): Omit<Leaving, "audience"> => {
    const at = now();
    return { dueAt: at + OFFLINE_DELAY_MS, seenAt: at - silentMs };
  };

  const freshness = createFreshness<Device>(options.staleMs, (device, silentMs) => {
    device.isStale = true;
    settle(device, false, () => ({ ...leavingSoon(silentMs), audience: audienceOf(device.userId) }));
  });

  const touch = (device: Device): void => {
    freshness.touch(device);
    if (!device.isStale) return;
    device.isStale = false;
    show(device);
  };

  /** As its user says: nobody waits for it to come back. */
  const show = (device: Device): void =>
    settle(device, device.isShown, () => ({
      dueAt: now(),
      seenAt: now(),
      audience: audienceOf(device.userId),
    }));

  return {
    maxAudience: options.maxAudience,
    opened(userId, sessionId) {
      const device: Device = {
        userId,
        sessionId,
        type: null,
        isShown: true,
        isStale: false,
        goesStale: false,
        counts: true,
      };
      const user = known.get(userId);
      if (user === undefined) known.set(userId, { devices: new Map([[sessionId, device]]), told: null });
      else user.devices.set(sessionId, device);
      work(() => come(device));
    },
    closed(userId, sessionId, audience) {
      const user = known.get(userId);
      const device = user?.devices.get(sessionId);
      if (user === undefined || device === undefined) return;
      user.devices.delete(sessionId);
      freshness.forget(device);
      if (!device.counts) forgetUnlessHere(userId);
      settle(device, false, () => ({ ...leavingSoon(), audience }));
    },
    report(userId, sessionId, { online, deviceType }) {
      const device = known.get(userId)?.devices.get(sessionId);
      if (device === undefined) return;
      const isRenamed = deviceType !== undefined && deviceType !== device.type;
      if (isRenamed) device.type = deviceType;
      device.isShown = online;
      if (device.goesStale) touch(device);
      if (online && device.counts && isRenamed) work(() => come(device));
      else show(device);
    },
    refresh(userId, sessionId) {
      const device = known.get(userId)?.devices.get(sessionId);
      if (device === undefined) return;
      device.goesStale = true;
      touch(device);
    },
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
        tellAlone(
          to,
          isBarred ? { ...state, status: "offline", lastSeenAt: now(), deviceType: null } : state,
        );
      }
    },
    async drain() {
      if (timer !== null) clearTimeout(timer);
      freshness.close();
      await statuses.drain();
      await Promise.all(working);
      pace.flush();
      await Promise.all(working);
      const left = [...leaving];
      leaving.clear();
      if (timer !== null) clearTimeout(timer);
      if (left.length === 0) return;
      await storeLastSeen(left.map(([userId, { seenAt }]) => [userId, seenAt])).catch(() => null);
    },
  };
}

/** A device whose type is not said yet takes nothing back: it comes with every connection. */
function tellsNothingNew(state: UserPresence, told: UserPresence | null): boolean {
  return (
    told !== null &&
    state.status === told.status &&
    (state.deviceType === null || state.deviceType === told.deviceType)
  );
}

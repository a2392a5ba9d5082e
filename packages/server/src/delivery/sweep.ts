import type { Log } from "../core/ports/log.ts";
import type { SweepAnswer, SweepWish, TickReader } from "../core/ports/tick-reader.ts";
import type { Hub } from "./hub.ts";

export interface Sweep {
  /** One round, now. Resolves when this node has told all that was committed before it began. */
  run(): Promise<void>;
  stop(): Promise<void>;
}

/** A change may take so long from its time to its commit. */
const OVERLAP_MS = 60_000;

/**
 * Finds what the bus forgot: sends the store the clocks of the conversations somebody listens to here and gets
 * back those that are ahead, with the new memberships of the users here. What it found told, every transaction
 * before its horizon is told, and positions may be built on that.
 */
export function startSweep(options: {
  readonly hub: Hub;
  readonly reader: TickReader;
  readonly intervalMs: number;
  readonly log: Log;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Called when the history this node knew is no longer the one the store has. */
  readonly onNewEpoch: () => void;
}): Sweep {
  const { hub, reader, log } = options;
  let sweptAt = performance.now();
  let stopped = false;
  let running: Promise<void> | null = null;
  let timer: NodeJS.Timeout;

  const round = async (): Promise<void> => {
    const at = Math.floor(options.now() / 1_000);
    const epoch = await reader.epoch();
    const began = performance.now();
    const known = {
      clocks: hub.clocks(),
      userIds: hub.userIds(),
      since: hub.horizon.xid,
      lookBackMs: Math.round(began - sweptAt) + OVERLAP_MS,
    };
    const { horizon, ...answer } = await reader.sweep(known);
    const late = await latecomers(known);
    const ahead = [...answer.ahead, ...late.ahead];
    const joined = [...answer.joined, ...late.joined];
    await Promise.all(ahead.map((clock) => hub.catchUpTo(clock)));
    await Promise.all(joined.map((one) => hub.join(one.userId, one.conversationId, one.joinedSeq)));
    for (const userId of answer.deactivated) hub.userChanged(userId, true);
    sweptAt = began;
    if (hub.horizon.epoch !== "" && hub.horizon.epoch !== epoch) options.onNewEpoch();
    hub.horizon.advance(epoch, horizon, at);
  };

  /**
   * Of whoever came while the store was being asked: they may have looked before the horizon was read and not
   * have seen all that lies before it.
   */
  const latecomers = async (known: SweepWish): Promise<Pick<SweepAnswer, "ahead" | "joined">> => {
    const channels = new Set(known.clocks.map((clock) => clock.conversationId));
    const users = new Set(known.userIds);
    const clocks = hub.clocks().filter((clock) => !channels.has(clock.conversationId));
    const userIds = hub.userIds().filter((userId) => !users.has(userId));
    if (clocks.length + userIds.length === 0) return { ahead: [], joined: [] };
    return await reader.sweep({ ...known, clocks, userIds });
  };

  const run = (): Promise<void> => {
    running ??= round().finally(() => {
      running = null;
    });
    return running;
  };

  const schedule = (): void => {
    timer = setTimeout(() => {
      run()
        .catch(() => log.warn({}, "the sweep could not ask the store, trying again"))
        .finally(() => {
          if (!stopped) schedule();
        });
    }, options.intervalMs);
  };
  schedule();

  return {
    run,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running?.catch(() => {});
    },
  };
}

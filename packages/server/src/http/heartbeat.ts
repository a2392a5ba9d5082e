/** A connection that is visited in turn. */
export interface Visited {
  visit(): void;
}

export interface Heartbeat {
  add(connection: Visited): void;
  remove(connection: Visited): void;
  stop(): void;
}

/** A turn is no shorter, for each wakes the process. */
const TURN_MS = 100;
const MOST_TURNS = 50;

/**
 * One timer for all connections, while there are any: each is visited once per `everyMs`, for the first time within
 * one, a few of them at a time, so that nothing ticks per connection and 20,000 pings do not leave in one burst.
 */
export function startHeartbeat(everyMs: number): Heartbeat {
  const turns = Math.min(MOST_TURNS, Math.max(1, Math.floor(everyMs / TURN_MS)));
  const slots = Array.from({ length: turns }, () => new Set<Visited>());
  const slotOf = new Map<Visited, Set<Visited>>();
  let next = 0;
  let filled = 0;
  let timer: NodeJS.Timeout | null = null;

  const turn = (): void => {
    for (const connection of slots[next] as Set<Visited>) connection.visit();
    next = (next + 1) % turns;
  };
  const rest = (): void => {
    if (timer !== null) clearInterval(timer);
    timer = null;
  };

  return {
    add(connection) {
      // In turn, not by when they come: after a restart all come in the same moment.
      const slot = slots[filled] as Set<Visited>;
      filled = (filled + 1) % turns;
      slot.add(connection);
      slotOf.set(connection, slot);
      timer ??= setInterval(turn, everyMs / turns);
    },
    remove(connection) {
      slotOf.get(connection)?.delete(connection);
      slotOf.delete(connection);
      if (slotOf.size === 0) rest();
    },
    stop: rest,
  };
}

/** A connection that is visited in turn. */
export interface Visited {
  visit(): void;
}

export interface Heartbeat {
  add(connection: Visited): void;
  remove(connection: Visited): void;
  stop(): void;
}

const SLOTS = 50;

/**
 * One timer for all connections: each is visited once per `everyMs`, for the first time within one, a fiftieth of
 * them at a time, so that nothing ticks per connection and 20,000 pings do not leave in one burst.
 */
export function startHeartbeat(everyMs: number): Heartbeat {
  const slots = Array.from({ length: SLOTS }, () => new Set<Visited>());
  const slotOf = new Map<Visited, Set<Visited>>();
  let next = 0;
  let filled = 0;
  const timer = setInterval(() => {
    for (const connection of slots[next] as Set<Visited>) connection.visit();
    next = (next + 1) % SLOTS;
  }, everyMs / SLOTS);

  return {
    add(connection) {
      // In turn, not by when they come: after a restart all come in the same moment.
      const slot = slots[filled] as Set<Visited>;
      filled = (filled + 1) % SLOTS;
      slot.add(connection);
      slotOf.set(connection, slot);
    },
    remove(connection) {
      slotOf.get(connection)?.delete(connection);
      slotOf.delete(connection);
    },
    stop: () => clearInterval(timer),
  };
}

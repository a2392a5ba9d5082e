import type { Log } from "../../../core/ports/log.ts";
import type { Nodes } from "../../redis/nodes.ts";
import type { Redis } from "../../redis/redis.ts";
import type { Partition } from "./partitions.ts";
import { CLAIM, RELEASE } from "./scripts.ts";

/** Renewed with every beat of the nodes, so that two may be lost. */
const LEASE_MS = 7_000;

export interface Drain {
  /** Resolves when it has let go of the partition: what it had begun is stored, or left to the next. */
  stop(): Promise<void>;
}

/**
 * Which partitions this process drains: its share by the list of those that are alive, which is the same list for all.
 * A lease sees to it that a partition changes hands in good order; where it fails to (a process that stood still for
 * longer), two drain the same and no harm comes of it: `drain.ts` says why.
 */
export function holdLeases(options: {
  readonly redis: Redis;
  readonly nodes: Nodes;
  readonly nodeId: string;
  readonly partitions: readonly Partition[];
  readonly start: (partition: Partition) => Drain;
  readonly log: Log;
}): Drain {
  const { redis, nodeId, partitions, log } = options;
  const held = new Map<Partition, Drain>();
  let stopped = false;
  let working: Promise<void> | null = null;

  const release = async (partition: Partition): Promise<void> => {
    await held.get(partition)?.stop();
    held.delete(partition);
    await redis.run(RELEASE, [partition.owner], [nodeId]).catch(() => {});
  };

  const settle = async (live: readonly string[]): Promise<void> => {
    await Promise.all(
      partitions.map(async (partition) => {
        const isOurs = live[partition.number % live.length] === nodeId;
        if (!isOurs) {
          if (held.has(partition)) await release(partition);
          return;
        }
        const has = await redis.run(CLAIM, [partition.owner], [nodeId, String(LEASE_MS)]);
        if (has === 1 && !held.has(partition) && !stopped) held.set(partition, options.start(partition));
        if (has === 0 && held.has(partition)) await release(partition);
      }),
    );
  };

  options.nodes.onBeat(({ live }) => {
    if (stopped || working !== null) return;
    working = settle(live)
      .catch((error: unknown) => log.debug({ error }, "the queue's leases could not be renewed"))
      .finally(() => {
        working = null;
      });
  });

  return {
    async stop() {
      stopped = true;
      await working;
      await Promise.all([...held.keys()].map(release));
    },
  };
}

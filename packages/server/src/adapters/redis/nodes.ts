import type { Log } from "../../core/ports/log.ts";
import { isReply, type Redis, script } from "./redis.ts";

/** A process that has not been heard of for so long is taken for dead. */
const LEASE_MS = 6_000;
const BEAT_MS = 2_000;

/** Keys: nodes. Arguments: who (nobody: only looks), for how many milliseconds. Answers whether it was known, the living, the dead. */
const BEAT = script(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
return {known and 1 or 0, redis.call('ZRANGEBYSCORE', KEYS[1], now, '+inf'),
  redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. now, 'WITHSCORES')}`);

/** Keys: nodes. Arguments: who. From now on it is dead. */
const END = script(`
local time = redis.call('TIME')
return redis.call('ZADD', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000) - 1, ARGV[1])`);

export interface Beat {
  /** All processes that are alive, this one among them, in an order that is the same for all. */
  readonly live: readonly string[];
  /** Those that have ended without a word and whose things nobody has cleared up yet. */
  readonly dead: readonly DeadNode[];
  /** Redis had forgotten this process, or has just met it: what it had said there may be gone. */
  readonly wasUnknown: boolean;
}

export interface DeadNode {
  readonly nodeId: string;
  /** When it said last that it is alive, or that it ends; epoch ms by Redis's clock. */
  readonly seenAt: number;
}

/** How the last beat went, in a word for operators. */
export type NodesState = "ok" | "does not answer" | "refuses to be written";

/** Which processes are alive, by what each says of itself every two seconds. */
export interface Nodes {
  /** Called after each beat that Redis has answered. */
  onBeat(listener: (beat: Beat) => void): void;
  /** What a dead one has left is cleared up. */
  forget(nodeId: string): Promise<void>;
  state(): NodesState;
  /** Takes this one out of the living, at once. */
  leave(what: "all is cleared up" | "for others to clear up"): Promise<void>;
}

export function joinNodes(redis: Redis, prefix: string, nodeId: string, log: Log): Nodes {
  const key = `${prefix}nodes`;
  const listeners: ((beat: Beat) => void)[] = [];
  let left = false;
  let state: NodesState = "does not answer";
  let timer: NodeJS.Timeout | null = null;
  let beating: Promise<void> = Promise.resolve();

  const beat = async (): Promise<void> => {
    try {
      const answer = await redis.run(BEAT, [key], [nodeId, String(LEASE_MS)]);
      state = "ok";
      const [known, live, dead] = answer as [number, string[], unknown[]];
      const told: Beat = { live: live.toSorted(), dead: deadNodes(dead), wasUnknown: known === 0 };
      for (const listener of listeners) listener(told);
    } catch (error) {
      state = isReply(error) ? "refuses to be written" : "does not answer";
      log.debug({ error }, "Redis was not told that this process is alive");
    }
    if (!left) timer = setTimeout(go, BEAT_MS);
  };
  const go = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    beating = beat();
  };
  // Not before whoever asks has named its listener.
  timer = setTimeout(go, 0);
  // One that comes back is told at once, and tells what was lost.
  redis.onChange((up) => {
    if (up && !left && timer !== null) go();
  });

  return {
    state: () => (redis.isUp() ? state : "does not answer"),
    onBeat: (listener) => void listeners.push(listener),
    async forget(dead) {
      await redis.send(key, ["ZREM", key, dead]);
    },
    async leave(what) {
      left = true;
      if (timer !== null) clearTimeout(timer);
      await beating;
      await (what === "all is cleared up"
        ? redis.send(key, ["ZREM", key, nodeId])
        : redis.run(END, [key], [nodeId])
      ).catch(() => {});
    },
  };
}

/** A node and its score in turn. */
function deadNodes(answer: readonly unknown[]): readonly DeadNode[] {
  const flat = answer.flat();
  const dead: DeadNode[] = [];
  for (let i = 0; i < flat.length; i += 2) {
    dead.push({ nodeId: String(flat[i]), seenAt: Math.min(Number(flat[i + 1]), Date.now()) });
  }
  return dead;
}

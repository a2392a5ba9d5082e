import type { RedisAddress } from "../../config/redis-url.ts";
import type { Topic } from "../../core/ports/bus.ts";
import type { Log } from "../../core/ports/log.ts";
import type { Redis } from "../redis/redis.ts";
import { createSeal } from "../redis/seal.ts";
import { openSubscriber, type Subscriber } from "../redis/subscriber.ts";
import type { Wire, WireEvents } from "./wired-bus.ts";

/** Each process says something to itself so often. */
const BEAT_MS = 1_000;
/** Where that was not heard for so long, nothing else is heard either. */
const SILENT_MS = 4_000;
/** Said to everyone: something could not be said. */
const GAP = Buffer.from("!");

export interface RedisWire extends Wire {
  /** Whether what is said comes back: nothing less shows that the others hear it too. */
  isUp(): boolean;
  /** Resolves when it is, and after `timeoutMs` at the latest. */
  whenUp(timeoutMs: number): Promise<void>;
  /** Payloads that nobody else could be sent, or that came from somebody else than the others. */
  readonly counts: { unsent: number; refused: number };
}

export interface RedisWireOptions {
  readonly address: RedisAddress;
  readonly redis: Redis;
  /** Begins every channel's name: of one installation. */
  readonly prefix: string;
  readonly secret: Buffer;
  readonly origin: string;
  readonly log: Log;
}

/** Channels of Redis: one for each conversation and each user that somebody here listens to, and one for everyone. */
export function openRedisWire(options: RedisWireOptions, events: WireEvents): RedisWire {
  const { redis, prefix, origin } = options;
  const seal = createSeal(options.secret);
  const counts = { unsent: 0, refused: 0 };
  const wanted = new Set<string>();
  const self = `${prefix}node:${origin}`;
  const everyone = `${prefix}everyone`;
  let subscriber: Subscriber | null = null;
  let sharded = true;
  let wasUp = false;
  const firstBeat = Promise.withResolvers<void>();
  let beatHeardAt = Number.NEGATIVE_INFINITY;
  /** Something said here did not go out: the others must look for it. */
  let owes = false;
  let renewedAt = performance.now();

  const channelOf = (topic: Topic): string => `${prefix}${topic}`;

  const send = (channel: string, payload: Buffer): void => {
    redis.send(channel, [sharded ? "SPUBLISH" : "PUBLISH", channel, seal.close(payload)]).catch(() => {
      counts.unsent++;
      owes = true;
    });
  };

  const heard = (channel: string, sealed: Buffer): void => {
    const payload = seal.open(sealed);
    if (payload === null) counts.refused++;
    else if (channel === self) hearBeat();
    else if (payload.equals(GAP)) events.gap();
    else events.heard(payload);
  };

  const hearBeat = (): void => {
    beatHeardAt = performance.now();
    firstBeat.resolve();
    look();
    if (!owes) return;
    owes = false;
    send(everyone, GAP);
  };

  const isUp = (): boolean => performance.now() - beatHeardAt < SILENT_MS;
  const look = (): void => {
    const up = isUp();
    if (up === wasUp) return;
    wasUp = up;
    if (up) events.gap();
    options.log[up ? "info" : "warn"]({}, up ? "the bus carries" : "the bus carries nothing");
  };

  const beat = (): void => {
    look();
    if (!redis.isUp()) return;
    send(self, Buffer.alloc(0));
    if (wasUp || performance.now() - renewedAt < SILENT_MS) return;
    renewedAt = performance.now();
    subscriber?.renew("nothing is heard");
  };

  const open = async (): Promise<void> => {
    sharded = await knowsShardedChannels(redis);
    renewedAt = performance.now();
    if (subscriber === null) {
      subscriber = openSubscriber({
        address: options.address,
        sharded,
        heard,
        gap() {
          events.gap();
          send(self, Buffer.alloc(0));
        },
        log: options.log,
      });
      for (const channel of [self, everyone, ...wanted]) void subscriber.subscribe(channel);
    }
    beat();
  };
  redis.onChange((up) => {
    if (up) void open();
  });
  if (redis.isUp()) void open();
  const timer = setInterval(beat, BEAT_MS);

  return {
    counts,
    isUp,
    async whenUp(timeoutMs) {
      const timer = setTimeout(firstBeat.resolve, timeoutMs);
      await firstBeat.promise;
      clearTimeout(timer);
    },
    publish: (topic, payload) => send(channelOf(topic), payload),
    async subscribe(topic) {
      const channel = channelOf(topic);
      wanted.add(channel);
      await subscriber?.subscribe(channel);
    },
    unsubscribe(topic) {
      const channel = channelOf(topic);
      wanted.delete(channel);
      subscriber?.unsubscribe(channel);
    },
    async close() {
      clearInterval(timer);
      subscriber?.close();
    },
  };
}

/** Redis 7 and what came of it; elsewhere every node of a cluster carries everything. */
async function knowsShardedChannels(redis: Redis): Promise<boolean> {
  try {
    const answer = await redis.send("", ["COMMAND", "INFO", "SSUBSCRIBE"]);
    return Array.isArray(answer) && Array.isArray(answer[0]);
  } catch {
    return false;
  }
}

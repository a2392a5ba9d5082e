import type { RedisAddress } from "../../config/redis-url.ts";
import type { Topic } from "../../core/ports/bus.ts";
import type { Log } from "../../core/ports/log.ts";
import type { Redis } from "../redis/redis.ts";
import { openSubscriber, type Subscriber } from "../redis/subscriber.ts";
import { createPeers } from "./peers.ts";
import { createSeal } from "./seal.ts";
import type { Wire, WireEvents } from "./wired-bus.ts";

/** Each process says so often that it lives. */
const BEAT_MS = 1_000;
/** One that was not heard of for so long is dead; where one's own is not heard, nothing else is either. */
const SILENT_MS = 4_000;

export interface RedisWire extends Wire {
  /** Whether what is said comes back: nothing less shows that the others hear it too. */
  isUp(): boolean;
  /** The other processes of this installation that live. */
  peers(): readonly string[];
  /** Payloads that nobody else could be sent, or that came from somebody else than the others. */
  readonly counts: { unsent: number; refused: number };
}

export interface RedisWireOptions {
  readonly address: RedisAddress;
  readonly redis: Redis;
  /** Begins every channel's name: of one installation. */
  readonly namespace: string;
  readonly secret: Buffer;
  readonly origin: string;
  readonly log: Log;
}

/** Channels of Redis: one for each conversation and each user that somebody here listens to, and one for everyone. */
export function openRedisWire(options: RedisWireOptions, events: WireEvents): RedisWire {
  const { redis, namespace, origin } = options;
  const seal = createSeal(options.secret);
  const peers = createPeers(origin, SILENT_MS);
  const counts = { unsent: 0, refused: 0 };
  const wanted = new Set<string>();
  const nodes = `${namespace}:nodes`;
  let subscriber: Subscriber | null = null;
  let sharded = true;
  let wasUp = false;
  /** Something said here did not go out: the others must look for it. */
  let owes = false;
  let renewedAt = performance.now();

  const channelOf = (topic: Topic): string => `${namespace}:${topic}`;

  const send = (channel: string, payload: Buffer): void => {
    redis.send(channel, [sharded ? "SPUBLISH" : "PUBLISH", channel, seal.close(payload)]).catch(() => {
      counts.unsent++;
      owes = true;
    });
  };

  const heard = (channel: string, sealed: Buffer): void => {
    const payload = seal.open(sealed);
    if (payload === null) counts.refused++;
    else if (channel !== nodes) events.heard(payload);
    else hearBeat(payload.toString());
  };

  /** `origin`, or `origin!` where it could not say something meanwhile. */
  const hearBeat = (beat: string): void => {
    const node = beat.replace(/!$/, "");
    const isNew = peers.heard(node);
    look();
    if (node === origin) return;
    if (beat !== node) events.gap();
    // So that it need not wait to know of this one.
    if (isNew) sayBeat();
  };

  const look = (): void => {
    const up = peers.hearsItself();
    if (up === wasUp) return;
    wasUp = up;
    if (up) events.gap();
    options.log[up ? "info" : "warn"]({}, up ? "the bus carries" : "the bus carries nothing");
  };

  const sayBeat = (): void => {
    send(nodes, Buffer.from(owes ? `${origin}!` : origin));
    owes = false;
  };

  const beat = (): void => {
    look();
    if (!redis.isUp()) return;
    sayBeat();
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
          sayBeat();
        },
        log: options.log,
      });
      for (const channel of [nodes, channelOf("everyone"), ...wanted]) void subscriber.subscribe(channel);
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
    isUp: () => peers.hearsItself(),
    peers: peers.others,
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

import { createWiredBus, type WireEvents } from "../adapters/bus/wired-bus.ts";
import type { Bus } from "../core/ports/bus.ts";
import type { PresenceRegistry } from "../core/ports/presence-registry.ts";
import type { RateBuckets } from "../core/ports/rate-buckets.ts";
import type { Peer, Serve } from "./peer.ts";

/** What a worker has of its machine's exchange. */
export interface Membership {
  /** The bus of the machine's workers; there is one for each. */
  bus(origin: string): Bus;
  readonly presence: PresenceRegistry;
  buckets(name: string, perMinute: number): RateBuckets;
  /** Works on what the exchange says. */
  readonly serve: Serve;
}

/** @param exchange what leads there, once it is asked for something */
export function createMembership(exchange: () => Peer): Membership {
  let bus: WireEvents | null = null;
  const goneListeners: ((userIds: readonly string[], seenAt: number) => void)[] = [];
  let isLeaving = false;

  return {
    bus: (origin) =>
      createWiredBus(origin, (events) => {
        bus = events;
        return {
          publish: (topic, payload) => exchange().say("publish", topic, payload),
          async subscribe(topic) {
            await exchange().call("subscribe", topic);
          },
          unsubscribe: (topic) => exchange().say("unsubscribe", topic),
          async close() {
            bus = null;
          },
        };
      }),

    presence: {
      async opened(userId, sessionId, deviceType) {
        return (await exchange().call("opened", userId, sessionId, deviceType)) as boolean;
      },
      async closed(userId, sessionId) {
        return !isLeaving && ((await exchange().call("closed", userId, sessionId)) as boolean);
      },
      async online(userIds) {
        return (await exchange().call("online", userIds)) as ReadonlyMap<string, string | null>;
      },
      onGone: (listener) => void goneListeners.push(listener),
      async leave() {
        isLeaving = (await exchange().call("leave")) as boolean;
      },
    },

    buckets: (name, perMinute) => ({
      async take(userId) {
        return (await exchange().call("take", name, perMinute, userId)) as number;
      },
      giveBack: (userId) => exchange().say("give-back", name, perMinute, userId),
    }),

    serve(method, args) {
      if (method === "heard") bus?.heard(Buffer.from(args[0] as Uint8Array));
      else if (method === "gone") {
        for (const listener of goneListeners) listener(args[0] as readonly string[], args[1] as number);
      } else throw new Error(`nobody serves ${method}`);
    },
  };
}

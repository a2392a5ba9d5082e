import type { RedisAddress } from "../../config/redis-url.ts";
import type { Log } from "../../core/ports/log.ts";
import { type Connection, keepConnected } from "./connection.ts";

/** Channels of Redis, on a connection of their own. */
export interface Subscriber {
  /**
   * Resolves when it is heard. Where that takes longer than a second it resolves all the same, and `gap` is called
   * once it is heard.
   */
  subscribe(channel: string): Promise<void>;
  unsubscribe(channel: string): void;
  /** Begins anew: what was heard of so far may have missed something without knowing. */
  renew(reason: string): void;
  close(): void;
}

const PATIENCE_MS = 1_000;
/** A channel that nobody wants any more is kept so long: whoever reloads a page wants it again. */
const LINGER_MS = 1_000;

export function openSubscriber(options: {
  readonly address: RedisAddress;
  /** Whether Redis knows sharded channels (7 and later). */
  readonly sharded: boolean;
  readonly heard: (channel: string, message: Buffer) => void;
  /** Something may have been said on the wanted channels that was not heard. */
  readonly gap: () => void;
  readonly log: Log;
}): Subscriber {
  const { sharded, gap } = options;
  const wanted = new Set<string>();
  /** On this connection, or about to be. */
  const held = new Map<string, Promise<void>>();
  const idle = new Set<string>();
  let asked: string[] = [];
  let asking: Promise<void> | null = null;
  let leaving: Promise<unknown> = Promise.resolve();
  let lingering: NodeJS.Timeout | null = null;

  const heard = (message: Buffer, channel: Buffer): void => options.heard(channel.toString(), message);

  /** Whoever asks within one turn of the event loop goes in one command. */
  const ask = async (): Promise<void> => {
    await null;
    const channels = asked;
    asked = [];
    asking = null;
    const begun = performance.now();
    try {
      // In this order, or the library takes the two for one that changes nothing.
      await leaving;
      const client = connection.client();
      if (client === null) throw new Error("not connected");
      await client.subscribe(channels, heard, sharded);
      if (performance.now() - begun > PATIENCE_MS) gap();
    } catch {
      for (const channel of channels) held.delete(channel);
    }
  };

  const hold = (channel: string): Promise<void> => {
    const known = held.get(channel);
    if (known !== undefined) return known;
    asked.push(channel);
    asking ??= ask();
    held.set(channel, asking);
    return asking;
  };

  const leave = (): void => {
    lingering = null;
    const channels = [...idle].filter((channel) => held.delete(channel));
    idle.clear();
    const client = connection.client();
    if (channels.length === 0 || client === null) return;
    leaving = client.unsubscribe(channels, heard, sharded).catch(() => {});
  };

  const holdAll = async (): Promise<void> => {
    await Promise.all([...wanted].map(hold));
    gap();
  };

  const connection: Connection = keepConnected(options.address, "subscriptions", options.log, {
    // The library has told the server of those it knew; those that it did not take then are asked for now.
    ready: () => void holdAll(),
    changed: (up) => {
      if (up) void holdAll();
    },
  });

  return {
    async subscribe(channel) {
      wanted.add(channel);
      idle.delete(channel);
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, PATIENCE_MS);
      await Promise.race([hold(channel), late]);
      clearTimeout(timer);
    },
    unsubscribe(channel) {
      if (!wanted.delete(channel)) return;
      idle.add(channel);
      lingering ??= setTimeout(leave, LINGER_MS);
    },
    renew(reason) {
      held.clear();
      connection.renew(reason);
    },
    close() {
      if (lingering !== null) clearTimeout(lingering);
      connection.close();
    },
  };
}

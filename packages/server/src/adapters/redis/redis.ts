import { createHash } from "node:crypto";
import { ErrorReply } from "redis";
import type { RedisAddress } from "../../config/redis-url.ts";
import type { Log } from "../../core/ports/log.ts";
import type { Argument } from "./client.ts";
import { codeOf, keepConnected } from "./connection.ts";

/** There is no connection, or no answer in time; whether the command was run is not known in the second case. */
export class RedisUnavailable extends Error {
  override readonly name = "RedisUnavailable";
}

/** Lua that is sent once and then named by its hash. */
export interface Script {
  readonly source: string;
  readonly hash: string;
}

export function script(source: string): Script {
  return { source, hash: createHash("sha1").update(source).digest("hex") };
}

export interface SendOptions {
  /** Without an answer for so long, the connection is given up for a new one; 2,000 without. */
  readonly timeoutMs?: number;
  /** Strings in the answer as `Buffer`s. */
  readonly buffers?: boolean;
}

/** Commands over one connection, those of one turn of the event loop in one write, whatever servers are behind it. */
export interface Redis {
  /**
   * Runs one command where `key` lives. Rejects with `RedisUnavailable` while there is no connection, at once, and with
   * the library's `ErrorReply` where Redis refuses.
   * @param key every key and channel of the command lies in its slot
   */
  send(key: string, args: readonly Argument[], options?: SendOptions): Promise<unknown>;
  /**
   * Runs a script; all keys lie in one slot. Calls whose first key begins with the same hash tag, or on one server all,
   * take effect in the order in which they were made, unless somebody flushes scripts meanwhile.
   */
  run(
    script: Script,
    keys: readonly [string, ...string[]],
    args: readonly Argument[],
    options?: SendOptions,
  ): Promise<unknown>;
  /** Whether commands are taken. */
  isUp(): boolean;
  /** Calls back whenever that has changed. */
  onChange(listener: (up: boolean) => void): void;
  /** Resolves when commands are taken or `timeoutMs` have passed, to whether they are. */
  whenUp(timeoutMs: number): Promise<boolean>;
  close(): void;
}

const ANSWER_MS = 2_000;

/**
 * Connects in the background, and again whenever the connection is lost. A blocking command needs a connection of its
 * own, and blocks for four seconds at most: one on which nothing is heard for six is taken for dead.
 * @param purpose named in the log
 */
export function openRedis(address: RedisAddress, purpose: string, log: Log): Redis {
  const listeners: ((up: boolean) => void)[] = [];
  /** Scripts that their server has, by their hash and where they ran. */
  const loaded = new Set<string>();
  const connection = keepConnected(address, purpose, log, {
    changed: (up) => {
      for (const listener of listeners) listener(up);
    },
    ready: () => loaded.clear(),
  });
  const isUp = (): boolean => connection.client() !== null;

  const send: Redis["send"] = async (key, args, { timeoutMs = ANSWER_MS, buffers = false } = {}) => {
    const own = connection.client();
    if (own === null) throw new RedisUnavailable("not connected");
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new RedisUnavailable("no answer in time"));
        if (connection.client() === own) connection.renew("no answer in time");
      }, timeoutMs);
    });
    try {
      return await Promise.race([own.send(key, args, buffers), late]);
    } catch (error) {
      throw isReply(error) ? error : new RedisUnavailable(codeOf(error as Error), { cause: error });
    } finally {
      clearTimeout(timer);
    }
  };

  return {
    send,
    async run({ source, hash }, keys, args, options) {
      const rest = [String(keys.length), ...keys, ...args];
      // Whole until it was run once: a call that has to be sent again because the server does not know the script
      // would be overtaken by those sent behind it.
      const place = hash + placeOf(keys[0]);
      if (!loaded.has(place)) {
        const answer = await send(keys[0], ["EVAL", source, ...rest], options);
        loaded.add(place);
        return answer;
      }
      try {
        return await send(keys[0], ["EVALSHA", hash, ...rest], options);
      } catch (error) {
        if (!isReply(error) || !error.message.startsWith("NOSCRIPT")) throw error;
        return await send(keys[0], ["EVAL", source, ...rest], options);
      }
    },
    isUp,
    onChange(listener) {
      listeners.push(listener);
    },
    whenUp(timeoutMs) {
      if (isUp()) return Promise.resolve(true);
      return new Promise((resolve) => {
        const timer = setTimeout(() => resolve(isUp()), timeoutMs);
        listeners.push((up) => {
          if (!up) return;
          clearTimeout(timer);
          resolve(true);
        });
      });
    },
    close: connection.close,
  };
}

/** The hash tag that a key begins with: all that has it lies on one server of a cluster. */
function placeOf(key: string): string {
  return key.startsWith("{") ? key.slice(0, key.indexOf("}")) : "";
}

/** What Redis itself answered: it did not do what it was asked. */
export function isReply(error: unknown): error is ErrorReply {
  return error instanceof ErrorReply;
}

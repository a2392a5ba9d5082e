import { ErrorReply } from "redis";
import type { RedisAddress } from "../../config/redis-url.ts";
import type { Log } from "../../core/ports/log.ts";
import { type Client, makeClient, reconnectWait } from "./client.ts";

/** A client that is there again after it was lost. */
export interface Connection {
  /** Null while nothing can be sent. */
  client(): Client | null;
  /** Gives the connection up for a new one. */
  renew(reason: string): void;
  close(): void;
}

/**
 * Connects in the background, and again whenever the connection is lost.
 * @param purpose named in the log
 */
export function keepConnected(
  address: RedisAddress,
  purpose: string,
  log: Log,
  events: {
    /** Commands are taken from now on, or are not. */
    readonly changed?: (up: boolean) => void;
    /** A server answers after it did not: what it had been told to remember of the connection is told again. */
    readonly ready?: (client: Client) => void;
  },
): Connection {
  let current: Client | null = null;
  let closed = false;
  let wasUp = false;
  let reason = "";

  const ready = (): Client | null => (!closed && current?.isReady() ? current : null);
  const look = (): void => {
    const up = ready() !== null;
    if (up === wasUp) return;
    wasUp = up;
    if (up) {
      reason = "";
      log.info({ purpose }, "Redis answers");
    }
    events.changed?.(up);
  };
  const failed = (error: Error): void => {
    look();
    const now = codeOf(error);
    if (now === reason || closed) return;
    reason = now;
    log.warn({ purpose, reason }, "Redis does not answer");
  };

  const connect = async (attempts = 0): Promise<void> => {
    const own: Client = makeClient(address, {
      ready: () => {
        look();
        if (current === own && !closed) events.ready?.(own);
      },
      error: (error) => {
        if (current === own) failed(error);
      },
    });
    current = own;
    try {
      await own.connect();
      look();
    } catch (error) {
      if (current !== own || closed) return;
      failed(error as Error);
      own.destroy();
      setTimeout(() => !closed && current === own && void connect(attempts + 1), reconnectWait(attempts));
    }
  };
  void connect();

  return {
    client: ready,
    renew(why) {
      const old = current;
      if (closed || old === null) return;
      failed(new Error(why));
      current = null;
      old.destroy();
      look();
      void connect();
    },
    close() {
      closed = true;
      current?.destroy();
    },
  };
}

/** What may be logged of it: never an address or a password, which messages may hold. */
export function codeOf(error: Error): string {
  if (error instanceof ErrorReply) return error.message.split(" ", 1)[0] as string;
  return "code" in error ? String(error.code) : error.message;
}

import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../../../core/ports/log.ts";
import type { ServerProcess } from "./server-process.ts";

const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 10_000;
/** A server that lasted this long was well: the next failure begins at the first backoff again. */
const WELL_AFTER_MS = 60_000;

/**
 * Keeps a server running, for ever, until it is told to stop.
 *
 * | state | the server ends | stop() |
 * |---|---|---|
 * | up | down: log it, wait, start again | ends the server |
 * | down, waiting or starting | wait twice as long, start again | gives up waiting, ends what was being started |
 */
export class Keeper {
  readonly #launch: (signal: AbortSignal) => Promise<ServerProcess>;
  readonly #log: Log;
  readonly #stopping = new AbortController();
  readonly #loop: Promise<void>;
  #server: ServerProcess;

  constructor(server: ServerProcess, launch: (signal: AbortSignal) => Promise<ServerProcess>, log: Log) {
    this.#server = server;
    this.#launch = launch;
    this.#log = log;
    this.#loop = this.#keepRunning();
  }

  async stop(timeoutMs: number): Promise<void> {
    this.#stopping.abort();
    await this.#server.stop(timeoutMs);
    await this.#loop;
    // A start that had just succeeded has put another server in its place.
    await this.#server.stop(timeoutMs);
  }

  async #keepRunning(): Promise<void> {
    let backoff = FIRST_BACKOFF_MS;
    for (;;) {
      const since = performance.now();
      const reason = await this.#server.ended;
      if (this.#stopping.signal.aborted) return;
      if (performance.now() - since > WELL_AFTER_MS) backoff = FIRST_BACKOFF_MS;
      this.#log.error({ reason }, "PostgreSQL is down");
      let up = false;
      while (!up) {
        await delay(backoff, undefined, { signal: this.#stopping.signal }).catch(() => {});
        if (this.#stopping.signal.aborted) return;
        backoff = Math.min(backoff * 2, LONGEST_BACKOFF_MS);
        up = await this.#startAgain(backoff);
      }
      this.#log.info({}, "PostgreSQL is up again");
    }
  }

  async #startAgain(retryInMs: number): Promise<boolean> {
    try {
      this.#server = await this.#launch(this.#stopping.signal);
      return true;
    } catch (error) {
      if (this.#stopping.signal.aborted) return false;
      this.#log.error({ reason: (error as Error).message, retryInMs }, "PostgreSQL does not start again");
      return false;
    }
  }
}

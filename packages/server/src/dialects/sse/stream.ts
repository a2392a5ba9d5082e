import type { Caller } from "../../core/caller.ts";
import type { Log } from "../../core/ports/log.ts";
import type { CatchUpReport } from "../../delivery/catch-up.ts";
import type { Listen, Listening } from "../../delivery/listen.ts";
import type { EndReason, Outlet } from "../../delivery/outlet.ts";
import { readPosition } from "../../delivery/position.ts";
import type { Visited } from "../../http/heartbeat.ts";
import type { OpenAnswer } from "../../http/open-answer.ts";
import { codec, resetFrame } from "./codec.ts";

/** Clients that lose the stream come back after so long. */
const RETRY_MS = 2_000;
const FIRST = Buffer.from(`retry: ${RETRY_MS}\n: listening\n\n`);
const HEARTBEAT = Buffer.from(": heartbeat\n\n");

/** Visits between two heartbeats: the end of a token is looked for more often. */
export const VISITS_PER_HEARTBEAT = 4;

/** One listener of `GET /events`. */
export class Stream implements Outlet, Visited {
  readonly codec = codec;
  readonly interest = null;
  readonly #answer: OpenAnswer;
  readonly #caller: Caller;
  readonly #now: () => number;
  #listening: Listening | null = null;
  #visits = 0;
  #stuckVisits = 0;

  constructor(answer: OpenAnswer, caller: Caller, now: () => number) {
    this.#answer = answer;
    this.#caller = caller;
    this.#now = now;
  }

  get buffered(): number {
    return this.#answer.buffered;
  }

  write(buffers: readonly Buffer[]): void {
    this.#answer.write(buffers);
  }

  drained(): Promise<void> {
    return this.#answer.drained();
  }

  /**
   * Begins to listen: from here on, or behind the event that the client had last. Rejects with a `Refusal` while
   * nothing has been written.
   */
  async open(listen: Listen, lastEventId: string | null, log: Log): Promise<void> {
    const listening = await listen(this.#caller, this);
    this.#listening = listening;
    if (this.#answer.isClosed) {
      listening.close();
      return;
    }
    const { session } = listening;
    session.push(FIRST);
    if (lastEventId === null) {
      const start = codec.position(listening.startPosition());
      if (start !== null) session.push(start);
    } else {
      await this.#resume(listening, lastEventId).catch((error: unknown) => {
        log.warn({ error }, "a stream could not be resumed and was ended");
        this.end("restart");
      });
    }
    session.release();
  }

  async #resume(listening: Listening, lastEventId: string): Promise<void> {
    const { session } = listening;
    const position = readPosition(lastEventId);
    if (position === null) {
      session.push(resetFrame("invalid_position", { position: listening.startPosition() }));
      return;
    }
    await listening.resume({ kind: "position", position }, async ({ resets }: CatchUpReport) => {
      for (const { conversationId, reason } of resets) {
        const where =
          conversationId === undefined ? { position: listening.startPosition() } : { chatId: conversationId };
        session.push(resetFrame(reason, where));
      }
    });
  }

  visit(): void {
    const { expiresAt } = this.#caller;
    if (expiresAt !== null && expiresAt <= this.#now()) {
      this.end("expired");
      return;
    }
    this.#stuckVisits = this.#answer.isStuck() ? this.#stuckVisits + 1 : 0;
    if (this.#stuckVisits > VISITS_PER_HEARTBEAT) this.#answer.cut();
    else if (++this.#visits % VISITS_PER_HEARTBEAT === 0) this.#listening?.session.push(HEARTBEAT);
  }

  /** Nothing is said of why: the client comes back with the id it has, and is answered then. */
  end(reason: EndReason): void {
    if (reason === "slow_consumer") this.#answer.cut();
    else this.#answer.end();
  }

  /** The connection is gone. */
  closed(): void {
    this.#listening?.close();
  }
}

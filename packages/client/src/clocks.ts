import type { Gap } from "./model.ts";

/** What is late may come for so long before it is looked up: the server finds by itself what it has missed in two. */
const GAP_MS = 3_000;

interface Clock {
  /** Everything up to here was told. */
  told: number;
  /** Ticks that were told beyond a hole. */
  readonly ahead: Set<number>;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** Counts what was told of each conversation: every durable change has the next number. */
export class Clocks {
  readonly #clocks = new Map<string, Clock>();
  /** The highest seq of a message that was told, by conversation. */
  readonly #heard = new Map<string, number>();
  readonly #gap: (conversationId: string, gap: Gap) => void;
  readonly #gapMs: number;

  /** @param gap a hole that has stayed one */
  constructor(gap: (conversationId: string, gap: Gap) => void, gapMs = GAP_MS) {
    this.#gap = gap;
    this.#gapMs = gapMs;
  }

  /** Whether a message was not told before. */
  hear(conversationId: string, seq: number): boolean {
    if (seq <= (this.#heard.get(conversationId) ?? 0)) return false;
    this.#heard.set(conversationId, seq);
    return true;
  }

  /** @param isLive otherwise it is told after a resume, each thing once in its latest state, and numbers are left out */
  tick(conversationId: string, tick: number, isLive: boolean): void {
    const clock = this.#clocks.get(conversationId);
    if (clock === undefined) {
      this.#clocks.set(conversationId, { told: tick, ahead: new Set(), timer: undefined });
      return;
    }
    if (tick <= clock.told) return;
    if (!isLive) clock.told = tick;
    else if (tick === clock.told + 1) clock.told = tick;
    else {
      clock.ahead.add(tick);
      clock.timer ??= setTimeout(() => this.#check(conversationId, clock), this.#gapMs);
    }
    while (clock.ahead.delete(clock.told + 1)) clock.told++;
  }

  /** Nothing is known to be told any more. */
  clear(): void {
    for (const { timer } of this.#clocks.values()) clearTimeout(timer);
    this.#clocks.clear();
  }

  #check(conversationId: string, clock: Clock): void {
    clock.timer = undefined;
    const ahead = [...clock.ahead].filter((tick) => tick > clock.told).sort((a, b) => a - b);
    clock.ahead.clear();
    const [beforeSeq] = ahead;
    if (beforeSeq === undefined) return;
    const afterSeq = clock.told;
    clock.told = ahead.at(-1) as number;
    this.#gap(conversationId, { afterSeq, beforeSeq });
  }
}

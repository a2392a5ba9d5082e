import type { Event } from "@parlance/protocol/events.ts";
import type { TickReader } from "../core/ports/tick-reader.ts";
import { missedEvents, missedEventsSoon, type Stretch } from "./missed-events.ts";
import { SharedFrames } from "./shared-frames.ts";

/** Events that are told in one go; `shared` where others may be told just these. */
export interface Piece {
  readonly events: readonly Event[];
  readonly shared?: SharedFrames;
}

/** How many events a piece has: who reads slowly is told the next when this is read. */
export const PIECE_EVENTS = 25;

/** Longer stretches are read for each who asks, a page at a time. */
const SHORT_STRETCH = 500;
const MAX_BYTES = 32 * 1024 * 1024;
/** Names of people take no tick: another node's change of one may go unnoticed here so long. */
const MAX_AGE_MS = 10_000;
/** In memory: an answer with its key, and an event with its frames but without its text. */
const ANSWER_BYTES = 400;
const EVENT_BYTES = 2_000;
/** Of a character, in the event and in the frames of two codecs. */
const CHARACTER_BYTES = 6;

interface Known {
  readonly answer: Promise<unknown>;
  readonly at: number;
  /** 0 while it is read. */
  bytes: number;
}

/** What an asker has just read from the store, in this order. */
export interface Now {
  /** The conversation's. */
  readonly clock: number;
  readonly epoch: string;
}

/**
 * What a crowd asks of conversations that comes back at once, read and encoded once. An answer is known by the clock that
 * its asker has just read from the store: while that is what it was when the answer was read, the store would give the
 * same, and nothing that tells of changes is relied on.
 */
export class SharedAnswers {
  readonly #reader: TickReader;
  readonly #known = new Map<string, Known>();
  #bytes = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(reader: TickReader) {
    this.#reader = reader;
  }

  /** What happened in it, the first of it asked for at once. */
  missed(stretch: Stretch, now: Now): AsyncIterable<Piece> {
    const { conversationId, since, through, visibleFrom, isLeft = false } = stretch;
    if (isLeft || visibleFrom > 0 || through - since > SHORT_STRETCH) {
      return inPieces(missedEventsSoon(this.#reader, stretch));
    }
    const key = `missed ${conversationId} ${since} ${through}`;
    const pieces = this.#shared(key, now, () => this.#load(stretch), bytesOf);
    return {
      async *[Symbol.asyncIterator]() {
        yield* await pieces;
      },
    };
  }

  /** See `TickReader.tickBefore`. */
  tickBefore(conversationId: number, horizon: number, now: Now): Promise<number> {
    const read = () => this.#reader.tickBefore(conversationId, horizon);
    return this.#shared(`before ${conversationId} ${horizon}`, now, read, () => 0);
  }

  /** Names have changed. */
  forgetAll(): void {
    this.#known.clear();
    this.#bytes = 0;
  }

  #shared<Answer>(
    question: string,
    { clock, epoch }: Now,
    read: () => Promise<Answer>,
    bytesOf: (answer: Answer) => number,
  ): Promise<Answer> {
    const key = `${question} ${clock} ${epoch}`;
    const before = this.#known.get(key);
    // Only what `read` has answered is kept under a question.
    if (before !== undefined && performance.now() - before.at < MAX_AGE_MS)
      return before.answer as Promise<Answer>;
    this.#forget(key);
    const answer = read();
    const known: Known = { answer, at: performance.now(), bytes: 0 };
    this.#known.set(key, known);
    this.#timer ??= setInterval(() => this.#forgetOld(), MAX_AGE_MS).unref();
    answer.then(
      (read) => {
        if (this.#known.get(key) === known) this.#count(known, ANSWER_BYTES + bytesOf(read));
      },
      () => {
        if (this.#known.get(key) === known) this.#forget(key);
      },
    );
    return answer;
  }

  #count(known: Known, bytes: number): void {
    known.bytes = bytes;
    this.#bytes += bytes;
    for (const oldest of this.#known.keys()) {
      if (this.#bytes <= MAX_BYTES) break;
      this.#forget(oldest);
    }
  }

  async #load(stretch: Stretch): Promise<readonly Piece[]> {
    const pieces: Piece[] = [];
    for await (const { events } of inPieces(missedEvents(this.#reader, stretch))) {
      pieces.push({ events, shared: new SharedFrames(events) });
    }
    return pieces;
  }

  #forget(key: string): void {
    this.#bytes -= this.#known.get(key)?.bytes ?? 0;
    this.#known.delete(key);
  }

  #forgetOld(): void {
    const oldest = performance.now() - MAX_AGE_MS;
    for (const [key, { at }] of this.#known) if (at <= oldest) this.#forget(key);
    if (this.#known.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }
}

async function* inPieces(pages: AsyncIterable<readonly Event[]>): AsyncGenerator<Piece> {
  for await (const events of pages) {
    for (let i = 0; i < events.length; i += PIECE_EVENTS) yield { events: events.slice(i, i + PIECE_EVENTS) };
  }
}

function bytesOf(pieces: readonly Piece[]): number {
  let bytes = 0;
  for (const { events } of pieces) {
    for (const event of events) {
      bytes += EVENT_BYTES;
      if (event.type !== "conversation.changed") bytes += CHARACTER_BYTES * event.message.content.length;
    }
  }
  return bytes;
}

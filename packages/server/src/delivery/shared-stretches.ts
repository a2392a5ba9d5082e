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
/** In memory, an event and its frames without its text. */
const EVENT_BYTES = 2_000;
/** Of a character, in the event and in the frames of two codecs. */
const CHARACTER_BYTES = 6;

interface Known {
  readonly pieces: Promise<readonly Piece[]>;
  readonly at: number;
  /** 0 while it is read. */
  bytes: number;
}

/**
 * What a crowd has missed that comes back at once, read and encoded once. A stretch is known by the clock that its asker
 * has just read from the store: while that is what it was when the stretch was read, the store would give the same, and
 * nothing that tells of changes is relied on.
 */
export class SharedStretches {
  readonly #reader: TickReader;
  readonly #known = new Map<string, Known>();
  #bytes = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(reader: TickReader) {
    this.#reader = reader;
  }

  /**
   * What happened in it, the first of it asked for at once.
   * @param clock the conversation's, read from the store after whoever asks came
   * @param epoch read after that clock
   */
  missed(stretch: Stretch, clock: number, epoch: string): AsyncIterable<Piece> {
    const { conversationId, since, through, visibleFrom, isLeft = false } = stretch;
    if (isLeft || visibleFrom > 0 || through - since > SHORT_STRETCH) {
      return inPieces(missedEventsSoon(this.#reader, stretch));
    }
    const key = `${conversationId} ${since} ${through} ${clock} ${epoch}`;
    const { pieces } = this.#fresh(key) ?? this.#read(key, stretch);
    return {
      async *[Symbol.asyncIterator]() {
        yield* await pieces;
      },
    };
  }

  /** Names have changed. */
  forgetAll(): void {
    this.#known.clear();
    this.#bytes = 0;
  }

  #fresh(key: string): Known | undefined {
    const known = this.#known.get(key);
    return known !== undefined && performance.now() - known.at < MAX_AGE_MS ? known : undefined;
  }

  #read(key: string, stretch: Stretch): Known {
    this.#forget(key);
    const known: Known = { pieces: this.#load(stretch), at: performance.now(), bytes: 0 };
    this.#known.set(key, known);
    this.#timer ??= setInterval(() => this.#forgetOld(), MAX_AGE_MS).unref();
    known.pieces.then(
      (pieces) => {
        if (this.#known.get(key) !== known) return;
        known.bytes = bytesOf(pieces);
        this.#bytes += known.bytes;
        for (const oldest of this.#known.keys()) {
          if (this.#bytes <= MAX_BYTES) break;
          this.#forget(oldest);
        }
      },
      () => {
        if (this.#known.get(key) === known) this.#forget(key);
      },
    );
    return known;
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

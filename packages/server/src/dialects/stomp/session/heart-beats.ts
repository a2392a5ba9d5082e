import { ProtocolError } from "../frames/protocol-error.ts";

/** Milliseconds between heart-beats, as agreed; null: none. */
export interface HeartBeats {
  /** What the server sends at least so often. */
  readonly send: number | null;
  /** What the client has promised to send at least so often. */
  readonly expect: number | null;
}

export const NO_HEART_BEATS: HeartBeats = { send: null, expect: null };

/**
 * What a client's `heart-beat` header comes to where the server offers and wants one each `ownMs`: the longer of both
 * sides' intervals, each way. Throws a `ProtocolError` for a header that is none.
 */
export function agreeOnHeartBeats(header: string | undefined, ownMs: number): HeartBeats {
  if (header === undefined) return NO_HEART_BEATS;
  const match = /^(\d{1,9}),(\d{1,9})$/.exec(header);
  if (match === null) throw new ProtocolError("heart-beat is not two numbers of milliseconds");
  const [guaranteed, wanted] = [Number(match[1]), Number(match[2])];
  return {
    send: wanted === 0 ? null : Math.max(ownMs, wanted),
    expect: guaranteed === 0 ? null : Math.max(ownMs, guaranteed),
  };
}

/** A client's heart-beat may be late by as long again: timers and networks are. */
const PATIENCE = 2;

/** One connection's beats, looked at whenever it is visited; times in milliseconds of one clock. */
export class Pulse {
  readonly #visitMs: number;
  /** For clients that promise nothing, or less: how often the transport is asked for a sign of life. */
  readonly #pingMs: number;
  #agreed = NO_HEART_BEATS;
  #heardAt: number;
  #wroteAt: number;
  #pingedAt: number;
  #visitedAt: number;

  constructor(visitMs: number, pingMs: number, now: number) {
    this.#visitMs = visitMs;
    this.#pingMs = pingMs;
    this.#heardAt = this.#wroteAt = this.#pingedAt = this.#visitedAt = now;
  }

  agree(beats: HeartBeats): void {
    this.#agreed = beats;
  }

  heard(now: number): void {
    this.#heardAt = now;
  }

  wrote(now: number): void {
    this.#wroteAt = now;
  }

  /** `beat`: send one now, the next visit would be too late. `silent`: the client has said nothing for too long. */
  visit(now: number): "beat" | "silent" | "ping" | null {
    const { send, expect } = this.#agreed;
    // A process that stood still has not heard what was said meanwhile.
    const late = now - this.#visitedAt - this.#visitMs;
    this.#visitedAt = now;
    if (late > this.#visitMs) this.#heardAt += late;
    const silence = now - this.#heardAt;
    const isAsked = expect === null || expect > this.#pingMs;
    if (silence > PATIENCE * (isAsked ? this.#pingMs : expect) + this.#visitMs) return "silent";
    if (send !== null && now - this.#wroteAt + this.#visitMs > send) return "beat";
    if (isAsked && now - this.#pingedAt >= this.#pingMs) {
      this.#pingedAt = now;
      return "ping";
    }
    return null;
  }
}

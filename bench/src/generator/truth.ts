import type { Driver } from "./drivers/driver.ts";
import type { Truth } from "./jobs.ts";

const SHOWN_ERRORS = 5;

export function newTruth(): Truth {
  return {
    sent: 0,
    acked: 0,
    received: 0,
    missing: 0,
    doubled: 0,
    outOfOrder: 0,
    seqFaults: 0,
    checkedSockets: 0,
    errors: [],
  };
}

export function noteError(truth: Truth, words: string): void {
  if (truth.errors.length < SHOWN_ERRORS) truth.errors.push(words);
}

/** Watches one receiver's stream of numbers 0, 1, 2, …: each once, in order. */
export class StreamCheck {
  readonly #truth: Truth;
  readonly #driver: Driver | undefined;
  readonly #seen: Int32Array;
  #highest = -1;
  #lastSeq = Number.NEGATIVE_INFINITY;
  #received = 0;

  /**
   * `inFlight` is a power of two, more than the messages of the stream that are on their way at once. With a
   * driver, every frame is decoded and its `seq` held against the one before.
   */
  constructor(truth: Truth, inFlight: number, driver: Driver | undefined) {
    this.#truth = truth;
    this.#seen = new Int32Array(inFlight);
    this.#driver = driver;
    if (driver) truth.checkedSockets += 1;
  }

  get received(): number {
    return this.#received;
  }

  /** @returns whether this is the first time the number is seen */
  take(number: number, payload: Buffer): boolean {
    const slot = number & (this.#seen.length - 1);
    if (this.#seen[slot] === number + 1) {
      this.#truth.doubled += 1;
      return false;
    }
    this.#seen[slot] = number + 1;
    this.#received += 1;
    this.#truth.received += 1;
    if (number < this.#highest) this.#truth.outOfOrder += 1;
    else this.#highest = number;
    if (this.#driver) this.#decode(number, payload);
    return true;
  }

  #decode(number: number, payload: Buffer): void {
    const decoded = this.#driver!.decode(payload);
    const rises = decoded.seq === undefined || decoded.seq > this.#lastSeq;
    if (!rises || decoded.number !== number) {
      this.#truth.seqFaults += 1;
      if (this.#driver!.ordered)
        noteError(this.#truth, `number ${number} has seq ${decoded.seq} after ${this.#lastSeq}`);
    }
    if (decoded.seq !== undefined) this.#lastSeq = decoded.seq;
  }
}

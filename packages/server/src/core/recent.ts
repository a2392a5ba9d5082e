/**
 * A bounded memory of look-ups. What was put in is forgotten after `maxAgeMs` at the latest, and the least
 * recently put first when there is more than `maxEntries`: two maps that change places, no timer per entry.
 */
export class Recent<Key, Value> {
  readonly #maxEntries: number;
  readonly #halfLifeMs: number;
  readonly #now: () => number;
  #young = new Map<Key, Value>();
  #old = new Map<Key, Value>();
  #turned = 0;

  /** @param now a clock that never goes back, in milliseconds */
  constructor(maxEntries: number, maxAgeMs: number, now: () => number = () => performance.now()) {
    this.#maxEntries = maxEntries;
    this.#halfLifeMs = maxAgeMs / 2;
    this.#now = now;
  }

  get(key: Key): Value | undefined {
    this.#turn();
    return this.#young.get(key) ?? this.#old.get(key);
  }

  set(key: Key, value: Value): void {
    this.#turn();
    this.#young.set(key, value);
  }

  delete(key: Key): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }

  clear(): void {
    this.#young = new Map();
    this.#old = new Map();
  }

  #turn(): void {
    const age = this.#now() - this.#turned;
    const isFull = this.#young.size >= this.#maxEntries / 2;
    if (age < this.#halfLifeMs && !isFull) return;
    this.#old = age < 2 * this.#halfLifeMs ? this.#young : new Map();
    this.#young = new Map();
    // Due turns keep to a grid, however late somebody comes to make them: a later one would let the old live on.
    this.#turned += age < this.#halfLifeMs ? age : age - (age % this.#halfLifeMs);
  }
}

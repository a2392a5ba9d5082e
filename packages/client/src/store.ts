import type { Topic, Topics } from "./model.ts";

/** Frames that the server sent together arrive one by one; where none says that it was the last, so long is waited. */
const BATCH_MS = 8;

type Read = <T extends Topic>(topic: T) => Topics[T];

/**
 * What is shown and who looks at it. Whoever changes something touches its topic; the snapshot is made when somebody
 * looks, and kept until the next touch.
 */
export class Store {
  readonly #read: Read;
  readonly #snapshots = new Map<Topic, unknown>();
  readonly #listeners = new Map<Topic, Set<() => void>>();
  readonly #touched = new Set<Topic>();
  #isScheduled = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #inBatch = false;

  /** @param read makes a topic's snapshot */
  constructor(read: Read) {
    this.#read = read;
  }

  get<T extends Topic>(topic: T): Topics[T] {
    if (!this.#snapshots.has(topic)) this.#snapshots.set(topic, this.#read(topic));
    return this.#snapshots.get(topic) as Topics[T];
  }

  /** Returns what takes the listener away again. */
  subscribe(topic: Topic, listener: () => void): () => void {
    const listeners = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(topic) === listeners) this.#listeners.delete(topic);
    };
  }

  isWatched(topic: Topic): boolean {
    return this.#listeners.has(topic);
  }

  /** Something of these has changed. Their listeners are told soon, once for all that changes meanwhile. */
  touch(...topics: Topic[]): void {
    for (const topic of topics) {
      this.#snapshots.delete(topic);
      this.#touched.add(topic);
    }
    if (this.#inBatch) this.#timer ??= setTimeout(() => this.flush(), BATCH_MS);
    else if (!this.#isScheduled) {
      this.#isScheduled = true;
      queueMicrotask(() => this.flush());
    }
  }

  /** What is touched by `work` is told with the batch that it belongs to. */
  batch(work: () => void): void {
    this.#inBatch = true;
    try {
      work();
    } finally {
      this.#inBatch = false;
    }
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isScheduled = false;
    const touched = [...this.#touched];
    this.#touched.clear();
    for (const topic of touched) {
      for (const listener of [...(this.#listeners.get(topic) ?? [])]) listener();
    }
  }
}

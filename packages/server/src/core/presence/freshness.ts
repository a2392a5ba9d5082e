/** Who has been heard of lately. One timer, however many there are. */
export interface Freshness<Key> {
  /** Heard of now: from here on it must be heard of again in time. */
  touch(key: Key): void;
  forget(key: Key): void;
  close(): void;
}

/**
 * @param stale told of each that was not heard of for `limitMs`, once, with how long it has been silent
 * @param now a clock that never goes back, in milliseconds
 */
export function createFreshness<Key>(
  limitMs: number,
  stale: (key: Key, silentMs: number) => void,
  now: () => number = () => performance.now(),
): Freshness<Key> {
  /** When each was heard of last, the longest silent first. */
  const heard = new Map<Key, number>();
  let timer: NodeJS.Timeout | null = null;

  const lookThrough = (): void => {
    timer = null;
    const at = now();
    for (const [key, since] of heard) {
      if (at - since < limitMs) break;
      heard.delete(key);
      stale(key, at - since);
    }
    arm();
  };

  const arm = (): void => {
    const [since] = heard.values();
    if (since !== undefined) timer ??= setTimeout(lookThrough, Math.max(1, since + limitMs - now()));
  };

  return {
    touch(key) {
      heard.delete(key);
      heard.set(key, now());
      arm();
    },
    forget: (key) => heard.delete(key),
    close() {
      if (timer !== null) clearTimeout(timer);
      timer = null;
      heard.clear();
    },
  };
}

/**
 * Lets one thing of each key through at once, and of what comes within `everyMs` after it only the last, when that
 * time is over. One timer, however many keys.
 */
export interface Pace<Value> {
  say(key: string, value: Value): void;
  /** Lets through what is held back, and holds nothing more. */
  flush(): void;
}

/** @param now a clock that never goes back, in milliseconds */
export function createPace<Value>(
  everyMs: number,
  through: (value: Value, key: string) => void,
  now: () => number = () => performance.now(),
): Pace<Value> {
  /** In the order in which their time is over. */
  const held = new Map<string, { readonly until: number; waiting: { readonly value: Value } | null }>();
  let timer: NodeJS.Timeout | null = null;

  const pass = (key: string, value: Value): void => {
    held.set(key, { until: now() + everyMs, waiting: null });
    through(value, key);
  };

  const lookThrough = (): void => {
    timer = null;
    const at = now();
    for (const [key, { until, waiting }] of held) {
      if (until > at) break;
      held.delete(key);
      if (waiting !== null) pass(key, waiting.value);
    }
    arm();
  };

  const arm = (): void => {
    const [first] = held.values();
    if (first !== undefined) timer ??= setTimeout(lookThrough, Math.max(0, first.until - now()));
  };

  return {
    say(key, value) {
      const known = held.get(key);
      if (known !== undefined) known.waiting = { value };
      else pass(key, value);
      arm();
    },
    flush() {
      if (timer !== null) clearTimeout(timer);
      timer = null;
      for (const [key, { waiting }] of held) if (waiting !== null) through(waiting.value, key);
      held.clear();
    },
  };
}

interface Waiter<Value> {
  resolve(value: Value | undefined): void;
  reject(error: unknown): void;
}

/**
 * Many askers, few questions: whoever asks in the same turn of the event loop shares one, and while one batch of keys
 * is being asked for, the next gathers, in which all who ask for one key count as one. What the batch answers without a
 * key is `undefined` for who asked for it; a failure is everybody's in that batch.
 */
export function createGather<Key, Value>(
  ask: (keys: readonly Key[]) => Promise<ReadonlyMap<Key, Value>>,
  maxKeys = 1_000,
): (key: Key) => Promise<Value | undefined> {
  const waiting = new Map<Key, Waiter<Value>[]>();
  let asking = false;

  const takeBatch = (): [Key, Waiter<Value>[]][] => {
    const batch: [Key, Waiter<Value>[]][] = [];
    for (const entry of waiting) {
      if (batch.length === maxKeys) break;
      batch.push(entry);
      waiting.delete(entry[0]);
    }
    return batch;
  };

  const run = async (): Promise<void> => {
    asking = true;
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting.size > 0) {
      const batch = takeBatch();
      try {
        const answers = await ask(batch.map(([key]) => key));
        for (const [key, waiters] of batch) {
          const answer = answers.get(key);
          for (const one of waiters) one.resolve(answer);
        }
      } catch (error) {
        for (const [, waiters] of batch) for (const one of waiters) one.reject(error);
      }
    }
    asking = false;
  };

  return (key) =>
    new Promise((resolve, reject) => {
      const waiters = waiting.get(key);
      if (waiters === undefined) waiting.set(key, [{ resolve, reject }]);
      else waiters.push({ resolve, reject });
      if (!asking) void run();
    });
}

/**
 * Many askers, few questions: whoever asks in the same turn of the event loop shares one, and while one batch of keys
 * is being asked for, the next gathers. What the batch answers without a key is `undefined` for who asked for it; a
 * failure is everybody's in that batch.
 */
export function createGather<Key, Value>(
  ask: (keys: readonly Key[]) => Promise<ReadonlyMap<Key, Value>>,
  maxKeys = 1_000,
): (key: Key) => Promise<Value | undefined> {
  let waiting: { key: Key; resolve: (value: Value | undefined) => void; reject: (error: unknown) => void }[] =
    [];
  let asking = false;

  const run = async (): Promise<void> => {
    asking = true;
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting.length > 0) {
      const batch = waiting.slice(0, maxKeys);
      waiting = waiting.slice(maxKeys);
      try {
        const answers = await ask([...new Set(batch.map((one) => one.key))]);
        for (const one of batch) one.resolve(answers.get(one.key));
      } catch (error) {
        for (const one of batch) one.reject(error);
      }
    }
    asking = false;
  };

  return (key) =>
    new Promise((resolve, reject) => {
      waiting.push({ key, resolve, reject });
      if (!asking) void run();
    });
}

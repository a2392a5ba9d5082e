/**
 * Where the client keeps what has to survive a reload. Any of them may answer at once or later, and may refuse: the
 * client goes on without, and tells so with its event `storage`.
 */
export interface ClientStorage {
  /** All values whose key begins like this. */
  list(prefix: string): Promise<readonly string[]> | readonly string[];
  get(key: string): Promise<string | null> | string | null;
  set(key: string, value: string): Promise<void> | void;
  delete(key: string): Promise<void> | void;
}

/** Survives nothing. */
export function memoryStorage(): ClientStorage {
  const values = new Map<string, string>();
  return {
    list: (prefix) => [...values].filter(([key]) => key.startsWith(prefix)).map(([, value]) => value),
    get: (key) => values.get(key) ?? null,
    set(key, value) {
      values.set(key, value);
    },
    delete(key) {
      values.delete(key);
    },
  };
}

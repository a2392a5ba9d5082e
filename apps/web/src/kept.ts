/**
 * What a browser keeps for this app. It may refuse (in a frame of another site, or when it is full): then it is kept as
 * long as the page is there.
 */
export interface Kept {
  get(key: string): string | null;
  /** Null forgets it. */
  set(key: string, value: string | null): void;
}

function kept(open: () => Storage): Kept {
  const memory = new Map<string, string | null>();
  return {
    get(key) {
      if (memory.has(key)) return memory.get(key) as string | null;
      try {
        return open().getItem(key);
      } catch {
        return null;
      }
    },
    set(key, value) {
      try {
        if (value === null) open().removeItem(key);
        else open().setItem(key, value);
        memory.delete(key);
      } catch {
        memory.set(key, value);
      }
    },
  };
}

/** Of this browser. */
export const browserKept = kept(() => localStorage);
/** Of this tab. */
export const tabKept = kept(() => sessionStorage);

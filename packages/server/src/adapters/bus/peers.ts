/** Which processes of an installation live, by their beats. */
export interface Peers {
  /** Whether it is one that was not known to live. */
  heard(node: string): boolean;
  /** Whether this process's own beats come back. */
  hearsItself(): boolean;
  /** The others that live. */
  others(): readonly string[];
}

/** @param now a clock that never goes back, in milliseconds */
export function createPeers(
  own: string,
  silentMs: number,
  now: () => number = () => performance.now(),
): Peers {
  const heardAt = new Map<string, number>();
  const lives = (node: string): boolean => now() - (heardAt.get(node) ?? Number.NEGATIVE_INFINITY) < silentMs;
  return {
    heard(node) {
      const isNew = !lives(node);
      heardAt.set(node, now());
      return isNew;
    },
    hearsItself: () => lives(own),
    others() {
      for (const node of heardAt.keys()) if (!lives(node)) heardAt.delete(node);
      return [...heardAt.keys()].filter((node) => node !== own);
    },
  };
}

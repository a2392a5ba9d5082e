/** Lets so many work at once, those who waited longest first. */
export interface Turns {
  /** Resolves when it is one's turn, with what ends it; ending it again does nothing. */
  next(): Promise<() => void>;
}

export function createTurns(atOnce: number): Turns {
  const waiting: (() => void)[] = [];
  let free = atOnce;
  return {
    async next() {
      if (free > 0) free--;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      let ended = false;
      return () => {
        if (ended) return;
        ended = true;
        const after = waiting.shift();
        if (after === undefined) free++;
        else after();
      };
    },
  };
}

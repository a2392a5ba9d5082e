import type { Status } from "@parlance/protocol/model.ts";

export interface StatusWrites {
  /** Resolves when it is stored, or in its place what was chosen after it. */
  set(userId: string, status: Status): Promise<void>;
  /** Stores at once what waits; resolves when nothing is left to be stored. */
  drain(): Promise<void>;
}

interface Choice {
  status: Status;
  /** The write that has not begun, for all who wait for it. */
  next: Promise<void> | null;
  /** Resolves when another write may begin: the last is over, and so is its time. */
  free: Promise<void>;
}

/** Stores a user's status at most once in `everyMs`: of what is chosen meanwhile only the last, when that is over. */
export function createStatusWrites(
  everyMs: number,
  store: (userId: string, status: Status) => Promise<void>,
): StatusWrites {
  const choices = new Map<string, Choice>();
  const pauses = new Set<() => void>();
  let draining = false;

  const pause = (): Promise<void> =>
    new Promise((resolve) => {
      if (draining) return resolve();
      const end = () => {
        clearTimeout(timer);
        pauses.delete(end);
        resolve();
      };
      const timer = setTimeout(end, everyMs);
      pauses.add(end);
    });

  const write = async (userId: string, choice: Choice): Promise<void> => {
    await choice.free;
    choice.next = null;
    const storing = store(userId, choice.status);
    choice.free = Promise.all([pause(), storing.catch(() => {})]).then(() => {
      if (choice.next === null) choices.delete(userId);
    });
    await storing;
  };

  return {
    set(userId, status) {
      let choice = choices.get(userId);
      if (choice === undefined) {
        choice = { status, next: null, free: Promise.resolve() };
        choices.set(userId, choice);
      }
      choice.status = status;
      choice.next ??= write(userId, choice);
      return choice.next;
    },
    async drain() {
      draining = true;
      for (const end of pauses) end();
      while (choices.size > 0) {
        await Promise.allSettled([...choices.values()].map(({ next, free }) => next ?? free));
      }
    },
  };
}

import { Refusal } from "@parlance/protocol/errors.ts";

/** Searches of one user that are under way, and those that wait for their turn; one more is refused. */
const AT_ONCE = 2;
const MAX_WAITING = 8;

interface Turns {
  running: number;
  readonly waiting: (() => void)[];
}

/**
 * All searches go over one connection, each for up to a second: whoever asks for many waits for themselves, and
 * everybody else for two of theirs.
 */
export function createSearchTurns(): <T>(userId: string | null, work: () => Promise<T>) => Promise<T> {
  const byUser = new Map<string, Turns>();

  const begin = async (userId: string): Promise<void> => {
    const turns = byUser.get(userId);
    if (turns === undefined) byUser.set(userId, { running: 1, waiting: [] });
    else if (turns.running < AT_ONCE) turns.running++;
    else if (turns.waiting.length < MAX_WAITING)
      await new Promise<void>((resolve) => turns.waiting.push(resolve));
    else throw new Refusal("rate_limited", "Too many searches at once, try again", 1);
  };
  const end = (userId: string): void => {
    const turns = byUser.get(userId) as Turns;
    const next = turns.waiting.shift();
    if (next !== undefined) next();
    else if (--turns.running === 0) byUser.delete(userId);
  };

  return async (userId, work) => {
    // Services and the operator answer for themselves.
    if (userId === null) return await work();
    await begin(userId);
    try {
      return await work();
    } finally {
      end(userId);
    }
  };
}

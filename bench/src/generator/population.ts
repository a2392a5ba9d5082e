/** Who is in a conversation, by their index among the users. The first makes it. */
export type Circle = readonly number[];

/** Each user's direct conversations with the next ones. */
const DIRECTS_EACH = 2;
const USERS_A_GROUP = 5;

/** A generator of numbers in [0, 1) that begins the same each time (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/**
 * The conversations of a company: two direct ones for each user, and a group for every five users, whose sizes fall
 * with their rank as words' do: the largest, half of it, a third, …, two.
 */
export function circlesOf(users: number, largest: number, random: () => number): Circle[] {
  const directs = Array.from({ length: users * DIRECTS_EACH }, (_, index) => {
    const user = index % users;
    return [user, (user + 1 + Math.floor(index / users)) % users];
  });
  const groups = Array.from({ length: Math.ceil(users / USERS_A_GROUP) }, (_, rank) =>
    someOf(users, Math.max(2, Math.round(Math.min(largest, users) / (rank + 1))), random),
  );
  return [...directs, ...groups];
}

function someOf(users: number, size: number, random: () => number): number[] {
  const chosen = new Set<number>();
  while (chosen.size < Math.min(size, users)) chosen.add(Math.floor(random() * users));
  return [...chosen];
}

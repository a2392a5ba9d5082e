import type { Peer, Running } from "../peers/peer.ts";
import { empty, failed, reasonOf } from "./measured.ts";
import type { Context, WorkloadName } from "./sample.ts";

/** Every other round backwards, so that no peer always runs after the same one. */
export function inOrder<T>(items: readonly T[], round: number): T[] {
  return round % 2 === 0 ? [...items] : [...items].reverse();
}

/** One of those who take turns. */
export type Entrant = { name: string; run(round: number): Promise<void> };

/** Lets everybody have a turn, round by round. */
export async function alternate(
  context: Context,
  workload: WorkloadName,
  entrants: readonly Entrant[],
  rounds = context.sizes.rounds,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const entrant of inOrder(entrants, round)) {
      context.say(`${workload} round ${round + 1}: ${entrant.name}`);
      await entrant.run(round);
    }
  }
}

/**
 * A peer whose turn begins with a fresh start. Where it is not installed, or cannot be started or measured to the end,
 * the rows of all its cases say so, and the others go on.
 */
export function entrantOf(
  context: Context,
  workload: WorkloadName,
  peer: Peer,
  cases: readonly string[],
  measure: (round: number, running: Running) => Promise<void>,
): Entrant {
  const { name } = peer;
  return {
    name,
    async run(round) {
      if (peer.version !== undefined && peer.version() === undefined) {
        context.say(`${workload}: ${name} is not present`);
        for (const each of cases) context.add({ ...empty(workload, each, peer, round), absent: true });
        return;
      }
      try {
        await withPeer(context, peer, (running) => measure(round, running));
      } catch (error) {
        for (const each of cases) context.add(failed(workload, each, peer, round, reasonOf(error)));
      }
    },
  };
}

/** Starts a peer on a fresh directory, lets it be measured, and stops it whatever happens. */
export async function withPeer(
  context: Context,
  peer: Peer,
  measure: (running: Running, directory: string) => Promise<void>,
): Promise<void> {
  const directory = context.freshDirectory();
  const running = await peer.start(directory);
  try {
    await measure(running, directory);
  } finally {
    await running.stop();
    context.discard(directory);
  }
}

import type { Peer, Running } from "../peers/peer.ts";
import { empty } from "./measured.ts";
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

/** A peer whose turn begins with a fresh start. */
export function entrantOf(
  context: Context,
  peer: Peer,
  measure: (round: number, running: Running) => Promise<void>,
): Entrant {
  const { name } = peer;
  return { name, run: (round) => withPeer(context, peer, (running) => measure(round, running)) };
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

/** Whether a peer that is not everybody's is installed; where it is not, its rows say so. */
export function isHere(
  context: Context,
  workload: WorkloadName,
  round: number,
  peer: Peer,
  cases: readonly string[],
): boolean {
  if (peer.version === undefined || peer.version() !== undefined) return true;
  if (round > 0) return false;
  for (const name of cases) context.add({ ...empty(workload, name, peer, round), absent: true });
  context.say(`${workload}: ${peer.name} is not present`);
  return false;
}

import type { DayJob } from "../generator/jobs.ts";
import type { Peer } from "../peers/peer.ts";
import { measureJob } from "./measured.ts";
import type { Context } from "./sample.ts";
import { alternate, type Entrant, entrantOf } from "./turns.ts";

const LARGEST_GROUP = 2_000;
/** So many times as busy as those who are connected. */
const BUSIER = [1, 2, 4, 8];

function dayOf(context: Context, peer: Peer): Entrant {
  const { users, checkEvery, warmSeconds, seconds } = context.sizes;
  const steps = BUSIER.map((times) => ({ name: `as ${users * times}`, asMany: users * times }));
  const caseOf = (step: string): string => `${users} people, busy ${step}`;
  const cases = steps.map(({ name }) => caseOf(name));
  return entrantOf(context, "W8", peer, cases, async (round, running) => {
    const job: DayJob = {
      kind: "day",
      port: running.port,
      driver: peer.driver,
      tag: `${context.seed}w8-${round}-`,
      checkEvery,
      users,
      largestGroup: LARGEST_GROUP,
      steps,
      warmSeconds,
      seconds,
    };
    await measureJob(context, "W8", round, peer, running, job, caseOf);
  });
}

/** How many people at work it takes before one waits. */
export async function w8Day(context: Context, ours: Peer): Promise<void> {
  await w8Compared(context, [ours]);
}

export async function w8Compared(context: Context, ours: readonly Peer[]): Promise<void> {
  const entrants = ours.map((peer) => dayOf(context, peer));
  await alternate(context, "W8", entrants);
}

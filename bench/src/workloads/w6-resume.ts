import type { ResumeJob } from "../generator/jobs.ts";
import { bareWs } from "../peers/naive.ts";
import type { Peer } from "../peers/peer.ts";
import { measureJob } from "./measured.ts";
import type { Context } from "./sample.ts";
import { alternate, type Entrant, entrantOf } from "./turns.ts";

type Behind = Pick<ResumeJob, "conversations" | "missed">;

const GROUP = 100;

export function behindName(users: number, { conversations, missed }: Behind): string {
  return missed === 0 ? `${users} back, 0 missed` : `${users} back, ${missed} missed in ${conversations}`;
}

/** What the crowd has missed, in how many conversations each. */
export const BEHIND: readonly Behind[] = [
  { conversations: 1, missed: 0 },
  { conversations: 1, missed: 10 },
  { conversations: 50, missed: 10 },
  { conversations: 50, missed: 1_000 },
];

function cameBack(context: Context, peer: Peer): Entrant {
  const { users, checkEvery } = context.sizes;
  const cases = BEHIND.map((behind) => behindName(users, behind));
  return entrantOf(context, "W6", peer, cases, async (round, running) => {
    for (const [index, behind] of BEHIND.entries()) {
      const job: ResumeJob = {
        kind: "resume",
        port: running.port,
        driver: peer.driver,
        tag: `${context.seed}w6-${round}-${index}-`,
        checkEvery,
        users,
        groupSize: Math.min(GROUP, users),
        ...behind,
      };
      await measureJob(context, "W6", round, peer, running, job, () => behindName(users, behind));
    }
  });
}

/** How long it takes a crowd that was away to come back, beside connections that have nothing to come back to. */
export async function w6Resume(context: Context, ours: Peer): Promise<void> {
  await w6Compared(context, [ours, bareWs]);
}

export async function w6Compared(context: Context, peers: readonly Peer[]): Promise<void> {
  const entrants = peers.map((peer) => cameBack(context, peer));
  await alternate(context, "W6", entrants);
}

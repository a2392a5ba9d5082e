import { runJob } from "../generator/generator.ts";
import type { PairsJob } from "../generator/jobs.ts";
import type { Peer, Running } from "../peers/peer.ts";
import { failed, faultOf } from "./measured.ts";
import type { Context, WorkloadName } from "./sample.ts";

/** Half of what W1 asks of every server at a fixed rate. */
export function writeRate({ sizes }: Pick<Context, "sizes">): number {
  return Math.max(1, (sizes.openRates[0] ?? 0) / 2);
}

export const besideWrites = (context: Context, name: string): string =>
  `${name}, beside ${writeRate(context)} writes/s`;

/**
 * Does `work`, which takes about so many times one measured case, while messages are sent at a fixed rate between other
 * people. Messages that were lost, doubled or out of order are a failure of the workload.
 */
export async function underWrites(
  context: Context,
  {
    workload,
    round,
    peer,
    running,
    cases,
  }: { workload: WorkloadName; round: number; peer: Peer; running: Running; cases: number },
  work: () => Promise<void>,
): Promise<void> {
  const { sizes, seed } = context;
  const job: PairsJob = {
    kind: "pairs",
    port: running.port,
    driver: peer.driver,
    tag: `${seed}${workload}w${round}-`,
    checkEvery: sizes.checkEvery,
    pairs: sizes.pairs,
    rate: writeRate(context),
    warmSeconds: sizes.warmSeconds,
    seconds: (sizes.warmSeconds + sizes.seconds) * cases,
  };
  const began = Promise.withResolvers<void>();
  const writing = runJob(job, (edge) => edge === "begin" && began.resolve());
  await Promise.race([began.promise, writing]);
  await work();
  const { truth } = await writing;
  const fault = faultOf(truth, true);
  if (fault !== undefined) context.add(failed(workload, "writes", peer, round, fault));
}

import { closedLoop } from "../measure/closed-loop.ts";
import { type Usage, usageOf } from "../measure/process-usage.ts";
import type { Peer, Running } from "../peers/peer.ts";
import { bottleneckOf, metricsOf, sharesOf } from "./measured.ts";
import type { Context, Metric, Sample, WorkloadName } from "./sample.ts";
import { inOrder } from "./turns.ts";

/** Questions under way, where nothing else is said: enough to keep a server busy. */
const ASKING = 16;

export type Question = {
  workload: WorkloadName;
  case: string;
  peer: string;
  round: number;
  ask: (n: number) => Promise<void>;
  /** Under way at any time. */
  concurrency?: number;
  metrics?: Partial<Record<Metric, number>>;
};

/** Asks one thing as fast as it is answered, and makes a sample of it. */
export async function measureAsked(
  context: Context,
  running: Pick<Running, "pid" | "directory">,
  { ask, concurrency = ASKING, metrics = {}, ...about }: Question,
): Promise<void> {
  context.say(`${about.workload} round ${about.round + 1}: ${about.peer}, ${about.case}`);
  const usages: Usage[] = [];
  const asked = await closedLoop(ask, {
    concurrency,
    warmSeconds: context.sizes.warmSeconds,
    seconds: context.sizes.seconds,
    onMeasure: () => usages.push(usageOf(running.pid, running.directory)),
  });
  const shares = sharesOf(usages[0]!, usages[1]!, asked.cpu);
  const sample: Sample = {
    ...about,
    durability: "committed",
    metrics: { ...metricsOf({ delivered: asked.answered, seconds: asked.seconds }, shares), ...metrics },
    histograms: { latency: asked.latency },
    bottleneck: bottleneckOf(shares, context.cores),
    ...(asked.errors.length > 0 && { failure: asked.errors.join("; ") }),
  };
  context.add(sample);
}

/** @param isAlone whether baselines are measured beside it */
type MeasureRound = (context: Context, peer: Peer, round: number, isAlone: boolean) => Promise<void>;

/** A workload whose rounds each bring a server of their own: ours with its baselines, or several of ours without. */
export function inRounds(measureRound: MeasureRound): {
  run(context: Context, ours: Peer): Promise<void>;
  compare(context: Context, ours: readonly Peer[]): Promise<void>;
} {
  return {
    async run(context, ours) {
      for (let round = 0; round < context.sizes.rounds; round++)
        await measureRound(context, ours, round, true);
    },
    async compare(context, ours) {
      for (let round = 0; round < context.sizes.rounds; round++) {
        for (const peer of inOrder(ours, round)) await measureRound(context, peer, round, false);
      }
    },
  };
}

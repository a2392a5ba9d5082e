import { type Asked, closedLoop } from "../measure/closed-loop.ts";
import { type Usage, usageOf } from "../measure/process-usage.ts";
import type { Durability, Running } from "../peers/peer.ts";
import { bottleneckOf, sharesOf } from "./measured.ts";
import type { Context, Metric, Sample, WorkloadName } from "./sample.ts";

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
): Promise<Asked> {
  context.say(`${about.workload} round ${about.round + 1}: ${about.peer}, ${about.case}`);
  const usages: Usage[] = [];
  const asked = await closedLoop(ask, {
    concurrency,
    warmSeconds: context.sizes.warmSeconds,
    seconds: context.sizes.seconds,
    onMeasure: () => usages.push(usageOf(running.pid, running.directory)),
  });
  const shares = sharesOf(usages[0]!, usages[1]!, asked.cpu);
  const each = (share: number) => (share * asked.seconds * 1e6) / Math.max(1, asked.answered);
  const sample: Sample = {
    ...about,
    durability: "committed" satisfies Durability,
    metrics: {
      per_second: asked.answered / asked.seconds,
      server_cpu_us: each(shares.server),
      database_cpu_us: each(shares.database),
      server_share: shares.server,
      database_share: shares.database,
      generator_share: shares.generator,
      foreign_share: Math.max(0, shares.machine - shares.server - shares.database - shares.generator),
      ...metrics,
    },
    histograms: { latency: asked.latency },
    bottleneck: bottleneckOf(shares, context.cores),
    ...(asked.errors.length > 0 && { failure: asked.errors.join("; ") }),
  };
  context.add(sample);
  return asked;
}

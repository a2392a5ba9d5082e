import { DRIVERS } from "../generator/drivers/all.ts";
import { runJob } from "../generator/generator.ts";
import type {
  DayJob,
  FanoutJob,
  IdleJob,
  Job,
  JobResult,
  PairsJob,
  PhaseResult,
  ResumeJob,
  Truth,
} from "../generator/jobs.ts";
import { type Usage, usageOf } from "../measure/process-usage.ts";
import type { Peer, Running } from "../peers/peer.ts";
import type { Context, Metric, Sample, WorkloadName } from "./sample.ts";

/** A process this near to one whole core has nothing left. */
const FULL_CORE = 0.85;
const FULL_MACHINE = 0.9;

type Shares = { server: number; database: number; generator: number; machine: number };

/** The process that set the pace, from CPU times alone. */
export function bottleneckOf(shares: Shares, cores: number): string {
  if (shares.server >= FULL_CORE && shares.server >= shares.generator) return "server";
  if (shares.generator >= FULL_CORE) return "generator";
  const ours = { server: shares.server, database: shares.database, generator: shares.generator };
  const [largest, share] = Object.entries(ours).sort((a, b) => b[1] - a[1])[0]!;
  if (shares.machine >= cores * FULL_MACHINE) return `machine (most: ${largest})`;
  return `none full (most: ${largest} ${Math.round(share * 10)}/10)`;
}

export function sharesOf(before: Usage, after: Usage, generatorMicroseconds: number): Shares {
  const wall = (after.at - before.at) * 1000;
  return {
    server: (after.server - before.server) / wall,
    database: (after.database - before.database) / wall,
    generator: generatorMicroseconds / wall,
    machine: (after.machine - before.machine) / wall,
  };
}

export function metricsOf(
  phase: Pick<PhaseResult, "delivered" | "seconds">,
  shares: Shares,
): Partial<Record<Metric, number>> {
  const each = (share: number) => (share * phase.seconds * 1e6) / Math.max(1, phase.delivered);
  return {
    per_second: phase.delivered / phase.seconds,
    server_cpu_us: each(shares.server),
    database_cpu_us: each(shares.database),
    server_share: shares.server,
    database_share: shares.database,
    generator_share: shares.generator,
    foreign_share: Math.max(0, shares.machine - shares.server - shares.database - shares.generator),
  };
}

/** In words what makes a run worthless, or undefined. Peers that promise no order may break it. */
export function faultOf(truth: Truth, ordered: boolean): string | undefined {
  const faults: string[] = [];
  if (truth.missing > 0) faults.push(`${truth.missing} missing`);
  if (truth.doubled > 0) faults.push(`${truth.doubled} doubled`);
  if (truth.acked !== truth.sent) faults.push(`${truth.sent - truth.acked} without ack`);
  if (ordered && truth.outOfOrder > 0) faults.push(`${truth.outOfOrder} out of order`);
  if (ordered && truth.seqFaults > 0) faults.push(`${truth.seqFaults} with a wrong seq`);
  if (truth.errors.length > 0) faults.push(`errors: ${truth.errors.join("; ")}`);
  return faults.length > 0 ? faults.join(", ") : undefined;
}

export type PhaseHooks = { begin?: () => void; end?: () => void };

type Named = Pick<Peer, "name" | "durability">;

type Measurement = {
  workload: WorkloadName;
  round: number;
  peer: Named;
  job: Exclude<Job, IdleJob>;
  /** Whether messages out of order are a fault. */
  ordered: boolean;
  /** The name of the case of a phase. */
  caseOf: (phase: string) => string;
  /** CPU used so far. */
  usage: () => Usage;
  /** Told when the measured time of a phase begins and ends. */
  hooks?: PhaseHooks;
  /** What else there is to say of a phase that delivered so many. */
  further?: (delivered: number) => Sample["metrics"];
};

/** Runs a job and makes a sample of each of its phases. Undefined where it failed, which then is a sample too. */
export async function measure(
  context: Context,
  { workload, round, peer, job, ordered, caseOf, usage, hooks = {}, further }: Measurement,
): Promise<JobResult | undefined> {
  const edges = new Map<string, { before: Usage; after?: Usage }>();
  let result: JobResult;
  try {
    result = await runJob(job, (edge, phase) => {
      if (edge === "begin") {
        edges.set(phase, { before: usage() });
        hooks.begin?.();
      } else {
        const started = edges.get(phase);
        if (started) started.after = usage();
        hooks.end?.();
      }
    });
  } catch (error) {
    const failure = reasonOf(error);
    const phases = job.kind === "fanout" ? job.phases : job.kind === "day" ? job.steps : [{ name: "" }];
    const names = phases.map((phase) => phase.name);
    for (const name of names) context.add(failed(workload, caseOf(name), peer, round, failure));
    return undefined;
  }
  const failure = faultOf(result.truth, ordered);
  for (const phase of result.phases) {
    const { before, after } = edges.get(phase.name)!;
    const shares = sharesOf(before, after!, phase.generatorCpu);
    context.add({
      ...empty(workload, caseOf(phase.name), peer, round),
      metrics: {
        ...metricsOf(phase, shares),
        ...(result.firstSeconds === undefined ? {} : { first_seconds: result.firstSeconds }),
        ...further?.(phase.delivered),
      },
      histograms: { latency: phase.latency, second: phase.second },
      truth: result.truth,
      bottleneck: bottleneckOf(shares, context.cores),
      ...(failure === undefined ? {} : { failure }),
    });
  }
  return result;
}

/** Runs a job against one server. */
export async function measureJob(
  context: Context,
  workload: WorkloadName,
  round: number,
  peer: Peer,
  running: Running,
  job: PairsJob | FanoutJob | ResumeJob | DayJob,
  caseOf: (phase: string) => string,
  hooks: PhaseHooks = {},
): Promise<void> {
  const driver = DRIVERS[peer.driver];
  // Requests that are made at once over several connections have no order among them.
  const ordered = driver.ordered && !(job.kind === "pairs" && driver.post !== undefined);
  const usage = () => usageOf(running.pid, running.directory);
  await measure(context, { workload, round, peer, job, ordered, caseOf, usage, hooks });
}

/** A sample that says nothing yet. */
export function empty(workload: WorkloadName, name: string, peer: Named, round: number): Sample {
  const { name: by, durability } = peer;
  return { workload, case: name, peer: by, durability, round, metrics: {}, histograms: {}, bottleneck: "" };
}

/** The first line of it: what a server last wrote comes after. */
export function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n", 1)[0]!;
}

export function failed(
  workload: WorkloadName,
  name: string,
  peer: Named,
  round: number,
  failure: string,
): Sample {
  return { ...empty(workload, name, peer, round), failure };
}

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FanoutJob, PairsJob } from "./generator/jobs.ts";
import { openInspector } from "./measure/inspector.ts";
import { STAGES, type Stage, stagesOf } from "./measure/profile-stages.ts";
import type { Peer } from "./peers/peer.ts";
import { short, table } from "./report/table.ts";
import { measureJob } from "./workloads/measured.ts";
import type { Context, Sample, WorkloadName } from "./workloads/sample.ts";
import { withPeer } from "./workloads/turns.ts";

export type Profiled = { case: string; perUnit: Record<Stage, number>; total: number };

type Case = { workload: WorkloadName; name: string; job: (port: number) => PairsJob | FanoutJob };

function casesOf(context: Context, workloads: readonly WorkloadName[]): Case[] {
  const { pairs, seconds, warmSeconds, checkEvery, listeners } = context.sizes;
  const base = (port: number, tag: string) =>
    ({ port, driver: "websocket", tag: `${context.seed}p${tag}-`, checkEvery }) as const;
  const w1: Case = {
    workload: "W1",
    name: `W1 ${pairs}x10, a message`,
    job: (port) => ({
      kind: "pairs",
      ...base(port, "w1"),
      pairs,
      window: 10,
      warmSeconds: warmSeconds * 2,
      seconds,
    }),
  };
  const w2 = ["singles", "bursts of 10"].map(
    (name, index): Case => ({
      workload: "W2",
      name: `W2 ${listeners[0]} ${name}, a delivery`,
      job: (port) => ({
        kind: "fanout",
        ...base(port, `w2${index}`),
        rooms: 1,
        listeners: listeners[0]!,
        phases: [{ name, burst: index === 0 ? 1 : 10, warmSeconds: warmSeconds * 2, seconds }],
      }),
    }),
  );
  return [w1, ...w2].filter((each) => workloads.includes(each.workload));
}

/** A profile's times are those of the clock, and so hold others' turns on the core: only its shares are used. */
function shareOut(cpu: number, stages: Record<Stage, number>): Record<Stage, number> {
  const all = Object.values(stages).reduce((sum, value) => sum + value, 0);
  return Object.fromEntries(STAGES.map((stage) => [stage, (cpu * stages[stage]) / all])) as Record<
    Stage,
    number
  >;
}

/** Profiles the server over the measured time only, and keeps the raw profile for other tools. */
export async function profileServer(
  context: Context,
  workloads: readonly WorkloadName[],
  peer: Peer,
  samples: readonly Sample[],
  prefix: string,
): Promise<Profiled[]> {
  const found: Profiled[] = [];
  for (const [index, each] of casesOf(context, workloads).entries()) {
    context.say(`profiling ${each.name}`);
    await withPeer(context, peer, async (running) => {
      const inspector = await openInspector(running);
      let stopped: ReturnType<typeof inspector.stopProfile> | undefined;
      await measureJob(context, each.workload, 0, peer, running, each.job(running.port), () => each.name, {
        begin: () => void inspector.startProfile(),
        end: () => {
          stopped = inspector.stopProfile();
        },
      });
      const profile = await stopped;
      const sample = samples.findLast((candidate) => candidate.case === each.name);
      const cpu = sample?.metrics.server_cpu_us;
      inspector.close();
      if (!profile || cpu === undefined) return;
      writeFileSync(join(`${prefix}-${index}.cpuprofile`), JSON.stringify(profile));
      found.push({ case: each.name, perUnit: shareOut(cpu, stagesOf(profile)), total: cpu });
    });
  }
  return found;
}

export function printProfile(profiled: readonly Profiled[]): string {
  const head = ["CPU µs of the server process by stage", ...profiled.map((each) => each.case)];
  const rows = STAGES.map((stage) => [
    stage,
    ...profiled.map(
      (each) => `${short(each.perUnit[stage])} (${Math.round((100 * each.perUnit[stage]) / each.total)} %)`,
    ),
  ]);
  return `\n${table([head, ...rows, ["together", ...profiled.map((each) => short(each.total))]])}`;
}

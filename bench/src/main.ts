import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describeMachine } from "./measure/machine.ts";
import { HELP, type Options, readOptions } from "./options.ts";
import { parlance } from "./peers/parlance.ts";
import type { Peer } from "./peers/peer.ts";
import { type Profiled, printProfile, profileServer } from "./profile.ts";
import { aggregate, lookupIn } from "./report/aggregate.ts";
import { barNames, type Judgement, judge } from "./report/bars.ts";
import { printBars, printWorkload } from "./report/print.ts";
import { plotResults, saveResults, versionsOf } from "./results.ts";
import type { Context, Sample, WorkloadName } from "./workloads/sample.ts";
import { w1Compared, w1Sends } from "./workloads/w1-sends.ts";
import { w2Compared, w2FanOut } from "./workloads/w2-fan-out.ts";
import { w3Compared, w3Idle } from "./workloads/w3-idle.ts";
import { w4Compared, w4Start } from "./workloads/w4-start.ts";
import { w5Compared, w5Pages } from "./workloads/w5-pages.ts";
import { w6Compared, w6Resume } from "./workloads/w6-resume.ts";
import { w7Queue } from "./workloads/w7-queue.ts";
import { w8Compared, w8Day } from "./workloads/w8-day.ts";
import { w10Compared, w10Search } from "./workloads/w10-search.ts";
import { w11Compared, w11Unread } from "./workloads/w11-unread.ts";
import { w12Processes } from "./workloads/w12-processes.ts";
import { addWorktree } from "./worktree.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

const RUN: Record<WorkloadName, (context: Context, ours: Peer) => Promise<void>> = {
  W1: w1Sends,
  W2: w2FanOut,
  W3: w3Idle,
  W4: w4Start,
  W5: w5Pages,
  W6: w6Resume,
  W7: w7Queue,
  W8: w8Day,
  W10: w10Search,
  W11: w11Unread,
  W12: w12Processes,
};
const COMPARE: Record<WorkloadName, (context: Context, ours: readonly Peer[]) => Promise<void>> = {
  W1: w1Compared,
  W2: w2Compared,
  W3: w3Compared,
  W4: w4Compared,
  W5: w5Compared,
  W6: w6Compared,
  W7: async ({ say }) => say("W7 brings servers of its own and is not compared"),
  W8: w8Compared,
  W10: w10Compared,
  W11: w11Compared,
  W12: async ({ say }) => say("W12 brings servers of its own and is not compared"),
};

function makeContext(options: Options, place: string, samples: Sample[]): Context {
  let directories = 0;
  return {
    sizes: options.sizes,
    cores: cpus().length,
    seed: Date.now().toString(36).slice(-4),
    freshDirectory: () => join(place, String(++directories)),
    discard: (directory) => rmSync(directory, { recursive: true, force: true }),
    add: (sample) => {
      samples.push(sample);
      if (sample.failure)
        console.error(`  ${sample.workload} ${sample.case}, ${sample.peer}: ${sample.failure}`);
    },
    say: (line) => console.error(line),
  };
}

async function measure(options: Options): Promise<boolean> {
  const started = new Date();
  const file =
    options.out ?? join(ROOT, "bench/results", `${started.toISOString().replace(/[:.]/g, "-")}.json`);
  mkdirSync(dirname(file), { recursive: true });
  const place = mkdtempSync(join(tmpdir(), "plb-"));
  const discard = () => rmSync(place, { recursive: true, force: true });
  process.once("exit", discard);
  const samples: Sample[] = [];
  const context = makeContext(options, place, samples);
  const machine = describeMachine(ROOT);
  const ours = parlance(ROOT, options.compare ? "working tree" : "Parlance");
  let profile: Profiled[] = [];
  let bars: Judgement[] = [];

  console.log(
    `${machine.cpus} × ${machine.model}, ${Math.round(machine.memoryBytes / 2 ** 30)} GB, Linux ${machine.kernel}, ` +
      `Node ${machine.node}, commit ${machine.commit}, load ${machine.loadAtStart.toFixed(2)}, seed ${context.seed}`,
  );
  console.log(`sizes ${JSON.stringify(options.sizes)}`);
  try {
    if (options.profile) {
      profile = await profileServer(context, options.workloads, ours, samples, file.replace(/\.json$/, ""));
    } else if (options.compare) {
      const worktree = addWorktree(ROOT, options.compare, join(place, "ref"));
      try {
        const peers = [ours, parlance(join(place, "ref"), options.compare)];
        for (const workload of options.workloads) await COMPARE[workload](context, peers);
      } finally {
        worktree.remove();
      }
    } else {
      for (const workload of options.workloads) await RUN[workload](context, ours);
    }
  } finally {
    discard();
    process.removeListener("exit", discard);
  }

  const aggregates = aggregate(samples);
  for (const workload of options.workloads) {
    const text = printWorkload(workload, aggregates, ours.name);
    if (text) console.log(text);
  }
  if (profile.length > 0) console.log(printProfile(profile));
  if (options.judged && !options.compare && !options.profile) {
    const names = barNames(options.sizes, ours.name, machine.descriptors);
    bars = judge(lookupIn(aggregates), names, options.workloads);
    console.log(printBars(bars));
  }
  const seconds = (Date.now() - started.getTime()) / 1000;
  saveResults(file, {
    startedAt: started.toISOString(),
    seconds,
    ours: ours.name,
    ...(options.compare ? { comparedWith: options.compare } : {}),
    seed: context.seed,
    machine,
    versions: versionsOf(ROOT),
    workloads: options.workloads,
    sizes: options.sizes,
    bars,
    profile,
    samples,
  });
  console.log(`\n${Math.round(seconds)} s; every value in ${file}`);
  return !samples.some(
    ({ peer, failure }) => failure !== undefined && (peer === ours.name || peer === options.compare),
  );
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options.help) {
    console.log(HELP);
    return;
  }
  if (options.plot) {
    for (const file of plotResults(options.plot)) console.log(file);
    return;
  }
  if (!(await measure(options))) process.exitCode = 1;
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});

import { type Histogram, mergeAll } from "../measure/histogram.ts";
import { type Spread, spreadOf } from "../measure/statistics.ts";
import type { Durability } from "../peers/peer.ts";
import type { Metric, Sample, WorkloadName } from "../workloads/sample.ts";

/** All rounds of one case of one peer. */
export type Aggregate = {
  workload: WorkloadName;
  case: string;
  peer: string;
  durability: Durability;
  metrics: Partial<Record<Metric, Spread>>;
  latency: Histogram;
  second: Histogram;
  /** The one most rounds named. */
  bottleneck: string;
  outOfOrder: number;
  failures: string[];
  /** Not installed here. */
  absent: boolean;
};

function mostOften(words: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? "";
}

function combine(samples: readonly Sample[]): Aggregate {
  const first = samples[0]!;
  const names = new Set(samples.flatMap((sample) => Object.keys(sample.metrics) as Metric[]));
  const metrics: Aggregate["metrics"] = {};
  for (const name of names) {
    metrics[name] = spreadOf(samples.flatMap((sample) => sample.metrics[name] ?? []));
  }
  return {
    workload: first.workload,
    case: first.case,
    peer: first.peer,
    durability: first.durability,
    metrics,
    latency: mergeAll(samples.flatMap((sample) => sample.histograms.latency ?? [])),
    second: mergeAll(samples.flatMap((sample) => sample.histograms.second ?? [])),
    bottleneck: mostOften(samples.map((sample) => sample.bottleneck).filter((word) => word !== "")),
    outOfOrder: samples.reduce((sum, sample) => sum + (sample.truth?.outOfOrder ?? 0), 0),
    failures: [...new Set(samples.flatMap((sample) => sample.failure ?? []))],
    absent: samples.every((sample) => sample.absent),
  };
}

/** In the order in which cases and peers first appeared in round one. */
export function aggregate(samples: readonly Sample[]): Aggregate[] {
  const groups = new Map<string, Sample[]>();
  for (const sample of samples) {
    const key = JSON.stringify([sample.workload, sample.case, sample.peer]);
    const group = groups.get(key);
    if (group) group.push(sample);
    else groups.set(key, [sample]);
  }
  return [...groups.values()].map(combine);
}

export type Lookup = (workload: WorkloadName, name: string, peer: string) => Aggregate | undefined;

export function lookupIn(aggregates: readonly Aggregate[]): Lookup {
  return (workload, name, peer) =>
    aggregates.find((each) => each.workload === workload && each.case === name && each.peer === peer);
}

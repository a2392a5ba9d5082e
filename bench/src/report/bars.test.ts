import { describe, expect, test } from "vitest";
import { Histogram } from "../measure/histogram.ts";
import { readOptions } from "../options.ts";
import type { Sample, WorkloadName } from "../workloads/sample.ts";
import { aggregate, lookupIn } from "./aggregate.ts";
import { barNames, judge, type Verdict } from "./bars.ts";

const names = barNames(readOptions([]).sizes, "Parlance", 100_000);

function sample(workload: WorkloadName, name: string, peer: string, rest: Partial<Sample>): Sample {
  return {
    workload,
    case: name,
    peer,
    durability: "committed",
    round: 0,
    metrics: {},
    histograms: {},
    bottleneck: "",
    ...rest,
  };
}

function latencyOf(milliseconds: number): Sample["histograms"] {
  const histogram = new Histogram();
  histogram.record(milliseconds * 1000);
  return { latency: histogram.toData() };
}

/** The verdict over the one bar whose words hold `words`. */
function verdict(words: string, samples: readonly Sample[]): { verdict: Verdict; value: number | undefined } {
  const all = judge(lookupIn(aggregate(samples)), names, ["W1", "W2", "W3", "W4"]);
  const found = all.filter((each) => each.bar.includes(words));
  expect(found).toHaveLength(1);
  return found[0]!;
}

function rates(ours: readonly number[], theirs: readonly number[]): Sample[] {
  const rows = (peer: string, values: readonly number[]) =>
    values.map((value, round) => sample("W1", "200x10", peer, { round, metrics: { per_second: value } }));
  return [...rows("Parlance", ours), ...rows("bare batch insert", theirs)];
}

describe("a ratio", () => {
  test("is the median of the rounds' own ratios, and the limit itself is reached", () => {
    const { verdict: found, value } = verdict("over bare batch insert", rates([40, 10, 90], [100, 100, 100]));
    expect(value).toBeCloseTo(0.4);
    expect(found).toBe("met");
  });

  test("below the limit is missed", () => {
    expect(verdict("over bare batch insert", rates([39], [100])).verdict).toBe("missed");
  });

  test("turns over where less is better", () => {
    const row = (peer: string, cpu: number) =>
      sample("W2", "1000, bursts of 10", peer, { metrics: { server_cpu_us: cpu } });
    const found = verdict("1000, bursts of 10: server CPU a delivery, bare ws", [
      row("Parlance", 1),
      row("bare ws loop", 6),
    ]);
    expect(found).toMatchObject({ verdict: "met", value: 6 });
  });
});

test("a percentile is of all rounds together", () => {
  const row = (milliseconds: number) =>
    sample("W1", "50x1", "Parlance", { histograms: latencyOf(milliseconds) });
  expect(verdict("50x1: p99", [row(5), row(14)]).verdict).toBe("met");
  expect(verdict("50x1: p99", [row(5), row(16)]).verdict).toBe("missed");
});

test("a run that lost something has failed, however fast it was", () => {
  const [ours, theirs] = rates([90], [100]);
  expect(verdict("over bare batch insert", [{ ...ours!, failure: "1 missing" }, theirs!]).verdict).toBe(
    "failed",
  );
});

test("what was not run is not measured, and who is not there is not present", () => {
  expect(verdict("cold: seconds", []).verdict).toBe("not measured");
  expect(verdict("RabbitMQ quorum", []).verdict).toBe("not measured");
  const absent = sample("W1", "50x1", "RabbitMQ quorum queues", { absent: true });
  const ours = sample("W1", "50x1", "Parlance", { metrics: { per_second: 9 } });
  expect(verdict("RabbitMQ quorum", [ours, absent]).verdict).toBe("not present");
});

test("only workloads that ran are judged", () => {
  const all = judge(lookupIn([]), names, ["W4"]);
  expect(new Set(all.map((each) => each.workload))).toEqual(new Set(["W4"]));
});

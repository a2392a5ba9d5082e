import type { Histogram } from "../measure/histogram.ts";
import { ratioOf, type Spread } from "../measure/statistics.ts";
import type { Metric, WorkloadName } from "../workloads/sample.ts";
import type { Aggregate } from "./aggregate.ts";
import type { Judgement } from "./bars.ts";
import { short, table } from "./table.ts";

type Column = { title: string; cell: (row: Aggregate) => string };

const TITLES: Readonly<Record<WorkloadName, string>> = {
  W1: "W1  durable sends, one sender to one receiver, 60 bytes each",
  W2: "W2  fan-out, one sender to many listeners",
  W3: "W3  idle connections",
  W4: "W4  seconds until it takes messages",
  W5: "W5  pages, asked for 16 at a time",
  W6: "W6  all come back at once and get what they missed",
  W7: "W7  the queue over Redis, every answer synced",
  W8: "W8  people at work, each with a connection, as busy as so many",
  W10: "W10  search over all of a person's conversations, two at a time",
  W11: "W11  unread and inbox of a person in many conversations, 16 at a time",
  W12: "W12  two processes and Redis; every message goes from one to the other",
};

/** Which figure a ratio is taken of, and whether more of it is better. */
const RATIO_OF: Readonly<Record<WorkloadName, { metric: Metric; words: string }>> = {
  W1: { metric: "per_second", words: "ours/theirs" },
  W2: { metric: "per_second", words: "ours/theirs" },
  W3: { metric: "bytes", words: "ours/theirs (bytes)" },
  W4: { metric: "seconds", words: "ours/theirs" },
  W5: { metric: "per_second", words: "ours/theirs" },
  W6: { metric: "per_second", words: "ours/theirs" },
  W7: { metric: "per_second", words: "ours/theirs" },
  W8: { metric: "per_second", words: "ours/theirs" },
  W10: { metric: "per_second", words: "ours/theirs" },
  W11: { metric: "per_second", words: "ours/theirs" },
  W12: { metric: "per_second", words: "ours/theirs" },
};

function spread(value: Spread | undefined, scale = 1): string {
  if (!value || value.values.length === 0) return "–";
  const middle = short(value.median * scale);
  return value.values.length === 1
    ? middle
    : `${middle} (${short(value.low * scale)}–${short(value.high * scale)})`;
}

function median(row: Aggregate, metric: Metric, scale = 1): string {
  const value = row.metrics[metric]?.median;
  return value === undefined ? "–" : short(value * scale);
}

function percentiles(histogram: Histogram): string {
  if (histogram.total === 0) return "–";
  return [0.5, 0.99, 0.999].map((fraction) => short(histogram.percentile(fraction) / 1000)).join(" / ");
}

function percent(row: Aggregate, metric: Metric): string {
  const value = row.metrics[metric]?.median;
  return value === undefined ? "–" : `${(value * 100).toFixed(value < 0.1 ? 1 : 0)} %`;
}

const promise: Column = { title: "promise", cell: (row) => row.durability };
const bottleneck: Column = { title: "bottleneck", cell: (row) => row.bottleneck };
const generator: Column = { title: "generator", cell: (row) => percent(row, "generator_share") };
const serverCpu: Column = { title: "server µs", cell: (row) => median(row, "server_cpu_us") };
const databaseCpu: Column = { title: "database µs", cell: (row) => median(row, "database_cpu_us") };

/** Of what is asked over HTTP. */
const ASKED: Column[] = [
  { title: "answers/s", cell: (row) => spread(row.metrics.per_second) },
  { title: "ms p50/p99/p99.9", cell: (row) => percentiles(row.latency) },
  serverCpu,
  databaseCpu,
  generator,
  bottleneck,
];

const COLUMNS: Readonly<Record<WorkloadName, Column[]>> = {
  W1: [
    { title: "messages/s", cell: (row) => spread(row.metrics.per_second) },
    { title: "end to end ms p50/p99/p99.9", cell: (row) => percentiles(row.latency) },
    { title: "ack ms p50/p99/p99.9", cell: (row) => percentiles(row.second) },
    serverCpu,
    databaseCpu,
    generator,
    promise,
    bottleneck,
  ],
  W2: [
    { title: "deliveries/s", cell: (row) => spread(row.metrics.per_second) },
    serverCpu,
    databaseCpu,
    { title: "first-to-last ms p50/p99/p99.9", cell: (row) => percentiles(row.second) },
    { title: "to last ms p50/p99/p99.9", cell: (row) => percentiles(row.latency) },
    { title: "first message s", cell: (row) => median(row, "first_seconds") },
    generator,
    promise,
    bottleneck,
  ],
  W3: [
    { title: "KB/connection", cell: (row) => spread(row.metrics.bytes, 1 / 1024) },
    { title: "kernel KB", cell: (row) => median(row, "kernel_bytes", 1 / 1024) },
    { title: "connects/s", cell: (row) => spread(row.metrics.per_second) },
    { title: "µs/connect", cell: (row) => median(row, "server_cpu_us") },
    { title: "CPU at rest", cell: (row) => percent(row, "rest_share") },
    bottleneck,
  ],
  W6: [
    { title: "live again/s", cell: (row) => spread(row.metrics.per_second) },
    { title: "live after ms p50/p99/p99.9", cell: (row) => percentiles(row.latency) },
    serverCpu,
    databaseCpu,
    generator,
    bottleneck,
  ],
  W7: [
    { title: "messages/s", cell: (row) => spread(row.metrics.per_second) },
    { title: "to stored ms p50/p99/p99.9", cell: (row) => percentiles(row.latency) },
    { title: "to taken ms p50/p99/p99.9", cell: (row) => percentiles(row.second) },
    serverCpu,
    { title: "PostgreSQL and Redis µs", cell: (row) => median(row, "database_cpu_us") },
    generator,
    promise,
    bottleneck,
  ],
  W8: [
    { title: "deliveries/s", cell: (row) => spread(row.metrics.per_second) },
    { title: "heard after ms p50/p99/p99.9", cell: (row) => percentiles(row.latency) },
    { title: "answered after ms p50/p99/p99.9", cell: (row) => percentiles(row.second) },
    { title: "server", cell: (row) => percent(row, "server_share") },
    { title: "database", cell: (row) => percent(row, "database_share") },
    generator,
    bottleneck,
  ],
  W5: ASKED,
  W10: [
    ...ASKED,
    { title: "index s behind", cell: (row) => median(row, "index_seconds") },
    { title: "indexed/s", cell: (row) => median(row, "indexed_per_second") },
  ],
  W11: ASKED,
  W12: [
    { title: "messages/s", cell: (row) => spread(row.metrics.per_second) },
    { title: "end to end ms p50/p99/p99.9", cell: (row) => percentiles(row.latency) },
    { title: "ack ms p50/p99/p99.9", cell: (row) => percentiles(row.second) },
    serverCpu,
    { title: "PostgreSQL and Redis µs", cell: (row) => median(row, "database_cpu_us") },
    { title: "Redis µs", cell: (row) => median(row, "redis_cpu_us") },
    generator,
    promise,
    bottleneck,
  ],
  W4: [{ title: "seconds", cell: (row) => spread(row.metrics.seconds) }, promise],
};

function ratioCell(row: Aggregate, ours: Aggregate | undefined, metric: Metric): string {
  if (row.absent) return "not present";
  if (!ours || row === ours) return "×1";
  const a = ours.metrics[metric]?.values;
  const b = row.metrics[metric]?.values;
  return a?.length && b?.length ? `×${spread(ratioOf(a, b))}` : "–";
}

/** Above this share of a core, somebody else's work is in the figures. */
const FOREIGN = 0.15;

function notes(rows: readonly Aggregate[]): string[] {
  const all = rows.flatMap((row) => {
    const where = `${row.case}, ${row.peer}`;
    if (row.failures.length > 0) return row.failures.map((failure) => `FAILED  ${where}: ${failure}`);
    return row.outOfOrder > 0 ? [`note    ${where}: ${row.outOfOrder} out of order (it promises none)`] : [];
  });
  const foreign = rows.flatMap((row) => row.metrics.foreign_share?.median ?? []);
  const disturbed = foreign.filter((share) => share > FOREIGN).length;
  if (disturbed > 0) {
    const most = Math.round(100 * Math.max(...foreign));
    all.push(
      `note    others used the machine in ${disturbed} of ${rows.length} rows, up to ${most} % of a core`,
    );
  }
  return all;
}

/** The table of one workload: ratio first, absolute second. */
export function printWorkload(workload: WorkloadName, all: readonly Aggregate[], oursName: string): string {
  const mine = all.filter((row) => row.workload === workload);
  if (mine.length === 0) return "";
  const { metric, words } = RATIO_OF[workload];
  const columns = COLUMNS[workload];
  const cases = [...new Set(mine.map((row) => row.case))];
  const rows: string[][] = [["case", "peer", words, ...columns.map((column) => column.title)]];
  for (const name of cases) {
    const group = mine.filter((row) => row.case === name);
    const ours = group.find((row) => row.peer === oursName);
    const sorted = ours ? [ours, ...group.filter((row) => row !== ours)] : group;
    for (const row of sorted) {
      rows.push([name, row.peer, ratioCell(row, ours, metric), ...columns.map((column) => column.cell(row))]);
    }
  }
  return [`\n${TITLES[workload]}`, table(rows), ...notes(mine)].join("\n");
}

export function printBars(judgements: readonly Judgement[]): string {
  const rows = judgements.map(({ bar, value, unit, verdict, workload }) => [
    verdict,
    workload,
    value === undefined ? "–" : `${short(value)} ${unit}`,
    bar,
  ]);
  return `\nBars\n${table([["verdict", "", "value", "bar"], ...rows])}`;
}

import { ratioOf } from "../measure/statistics.ts";
import { nats } from "../peers/nats.ts";
import { nchan } from "../peers/nchan.ts";
import { rabbitmqQueues, rabbitmqTopics } from "../peers/rabbitmq.ts";
import type { Metric, Sizes, WorkloadName } from "../workloads/sample.ts";
import { caseNames } from "../workloads/w1-sends.ts";
import { levelsOf } from "../workloads/w3-idle.ts";
import { BARE_SQL, PAGE_CASES } from "../workloads/w5-pages.ts";
import { BEHIND, behindName } from "../workloads/w6-resume.ts";
import { BARE_DRAIN, drainName, postsName } from "../workloads/w7-queue.ts";
import { SEARCHES } from "../workloads/w10-search.ts";
import { HALF_LOAD } from "../workloads/w12-processes.ts";
import type { Lookup } from "./aggregate.ts";

export type Verdict = "met" | "missed" | "failed" | "not measured" | "not present";

export type Judgement = {
  workload: WorkloadName;
  bar: string;
  /** Undefined where there is nothing to judge. */
  value: number | undefined;
  limit: number;
  unit: string;
  verdict: Verdict;
};

/** `at least` and `at most` include the limit itself; `below` does not. */
type Direction = "at least" | "at most" | "below";

type Bar = {
  workload: WorkloadName;
  words: string;
  direction: Direction;
  limit: number;
  unit: "x" | "ms" | "KB" | "%" | "s" | "/s";
  /** Undefined: the run has no such rows. "absent": the peer or the dialect's driver is not there. */
  value: (find: Lookup) => number | undefined | "absent";
  /** The rows that must be free of faults for the bar to count. */
  rows: [name: string, peer: string][];
};

/** What the bars speak of, by the names under which the workloads put them down. */
export type BarNames = {
  ours: string;
  many: string;
  some: string;
  one: string;
  open: string[];
  idle: string;
  back: readonly { name: string; limit: number }[];
  drain: string;
};

export function barNames(sizes: Sizes, ours: string, descriptors: number): BarNames {
  return {
    ours,
    ...caseNames(sizes),
    idle: `${levelsOf(sizes.idle, descriptors).at(-1)} idle`,
    back: BEHIND.filter(({ missed }) => missed > 0).map((behind) => ({
      name: behindName(sizes.users, behind),
      limit: behind.missed > 10 ? 4 : 2,
    })),
    drain: drainName(sizes.backlog),
  };
}

const BARE_INSERT = "bare batch insert";
const POOL = "ws + INSERT, pool of 10";
const ONE = "ws + INSERT, 1 connection";
const SOCKETIO = "Socket.IO + INSERT";
const WS = "bare ws loop";
const EMIT = "io.to(room).emit";
const ROOMS = "100 rooms of 10, singles";

/** Ours over theirs, or theirs over ours where less is better, as the median of the rounds' ratios. */
function ratio(
  find: Lookup,
  ours: string,
  theirs: string,
  workload: WorkloadName,
  name: string,
  metric: Metric,
  way: "ours/theirs" | "theirs/ours" = "ours/theirs",
): number | undefined | "absent" {
  const a = find(workload, name, ours)?.metrics[metric]?.values;
  const other = find(workload, name, theirs);
  if (other?.absent) return "absent";
  const b = other?.metrics[metric]?.values;
  if (!a || !b || a.length === 0 || b.length === 0) return undefined;
  return (way === "ours/theirs" ? ratioOf(a, b) : ratioOf(b, a)).median;
}

function milliseconds(
  find: Lookup,
  name: string,
  peer: string,
  fraction: number,
  workload: WorkloadName = "W1",
): number | undefined {
  const latency = find(workload, name, peer)?.latency;
  return latency && latency.total > 0 ? latency.percentile(fraction) / 1000 : undefined;
}

function over(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a / b;
}

function barsFor(names: BarNames): Bar[] {
  const { ours, many, some, one, open, idle, back, drain } = names;
  const rate = (theirs: string, limit: number, name = many): Bar => ({
    workload: "W1",
    words: `${name}: messages/s over ${theirs}`,
    direction: "at least",
    limit,
    unit: "x",
    value: (find) => ratio(find, ours, theirs, "W1", name, "per_second"),
    rows: [
      [name, ours],
      [name, theirs],
    ],
  });
  const p99 = (name: string, direction: Direction, limit: number): Bar => ({
    workload: "W1",
    words: `${name}: p99 end to end`,
    direction,
    limit,
    unit: "ms",
    value: (find) => milliseconds(find, name, ours, 0.99),
    rows: [[name, ours]],
  });
  const socketio = `${ours}, socketio`;
  const cpu = (name: string, limit: number, theirs = WS, dialect?: "socketio" | "stomp"): Bar => {
    const mine = dialect === undefined ? ours : `${ours}, ${dialect}`;
    return {
      workload: "W2",
      words: `${name}: server CPU a delivery, ${theirs} over ${dialect === undefined ? "ours" : `our ${dialect} dialect`}`,
      direction: "at least",
      limit,
      unit: "x",
      value: (find) => ratio(find, mine, theirs, "W2", name, "server_cpu_us", "theirs/ours"),
      rows: [
        [name, mine],
        [name, theirs],
      ],
    };
  };
  const start = (name: string, limit: number): Bar => ({
    workload: "W4",
    words: `${name} start`,
    direction: "below",
    limit,
    unit: "s",
    value: (find) => find("W4", name, ours)?.metrics.seconds?.median,
    rows: [[name, ours]],
  });
  const queue = (name: string, limit: number): Bar => ({
    workload: "W7",
    words: `${name}: messages/s`,
    direction: "at least",
    limit,
    unit: "/s",
    value: (find) => find("W7", name, ours)?.metrics.per_second?.median,
    rows: [[name, ours]],
  });
  const page = (name: string, limit: number): Bar => ({
    workload: "W5",
    words: `${name}: answers/s over ${BARE_SQL}`,
    direction: "at least",
    limit,
    unit: "x",
    value: (find) => ratio(find, ours, BARE_SQL, "W5", name, "per_second"),
    rows: [[name, ours]],
  });
  const slow = open[0] ?? "";
  const fast = open[1] ?? "";
  return [
    rate(BARE_INSERT, 0.4),
    rate(POOL, 5),
    rate(ONE, 12),
    rate(SOCKETIO, 8),
    p99(many, "below", 150),
    p99(slow, "at most", 20),
    {
      workload: "W1",
      words: `${slow}: p99 over that of ${POOL}`,
      direction: "at most",
      limit: 0.2,
      unit: "x",
      value: (find) => over(milliseconds(find, slow, ours, 0.99), milliseconds(find, slow, POOL, 0.99)),
      rows: [[slow, ours]],
    },
    p99(fast, "at most", 30),
    p99(some, "at most", 15),
    {
      workload: "W1",
      words: `${one}: p50 end to end over the bare round trip`,
      direction: "at most",
      limit: 1.3,
      unit: "x",
      value: (find) => over(milliseconds(find, one, ours, 0.5), milliseconds(find, one, ONE, 0.5)),
      rows: [[one, ours]],
    },
    rate(rabbitmqQueues.name, 4, some),
    {
      ...rate("ejabberd with its archive in PostgreSQL", 8, some),
      value: () => "absent",
    },
    cpu("1000, singles", 1.25),
    cpu(ROOMS, 1),
    cpu("1000, bursts of 10", 6),
    cpu("1000, bursts of 10", 1, nats.name),
    cpu("1000, bursts of 10", 1.2, nchan.name),
    cpu("1000, singles", 1, EMIT, "socketio"),
    cpu("1000, bursts of 10", 3, EMIT, "socketio"),
    cpu("1000, singles", 7, rabbitmqTopics.name, "stomp"),
    cpu("1000, bursts of 10", 7, rabbitmqTopics.name, "stomp"),
    {
      workload: "W3",
      words: `${idle}: bytes a connection over bare ws`,
      direction: "at most",
      limit: 1.5,
      unit: "x",
      value: (find) => ratio(find, ours, WS, "W3", idle, "bytes"),
      rows: [[idle, ours]],
    },
    {
      workload: "W3",
      words: `${idle}: a connection`,
      direction: "at most",
      limit: 10,
      unit: "KB",
      value: (find) => over(find("W3", idle, ours)?.metrics.bytes?.median, 1024),
      rows: [[idle, ours]],
    },
    {
      workload: "W3",
      words: `${idle}: bytes a connection in our socketio dialect over bare Socket.IO`,
      direction: "at most",
      limit: 1,
      unit: "x",
      value: (find) => ratio(find, socketio, EMIT, "W3", idle, "bytes"),
      rows: [[idle, socketio]],
    },
    {
      workload: "W3",
      words: `${idle}: CPU at rest`,
      direction: "below",
      limit: 3,
      unit: "%",
      value: (find) => over(find("W3", idle, ours)?.metrics.rest_share?.median, 0.01),
      rows: [[idle, ours]],
    },
    {
      workload: "W3",
      words: `${idle}: accepts a second over bare ws`,
      direction: "at least",
      limit: 0.8,
      unit: "x",
      value: (find) => ratio(find, ours, WS, "W3", idle, "per_second"),
      rows: [[idle, ours]],
    },
    start("cold", 3),
    start("warm", 1.5),
    page(PAGE_CASES.newest, 3),
    page(PAGE_CASES.depth, 0.7),
    ...SEARCHES.map(
      ({ name }): Bar => ({
        workload: "W10",
        words: `${name}: p99`,
        direction: "below",
        limit: 100,
        unit: "ms",
        value: (find) => over(find("W10", name, ours)?.latency.percentile(0.99), 1_000),
        rows: [[name, ours]],
      }),
    ),
    ...back.map(
      ({ name, limit }): Bar => ({
        workload: "W6",
        words: `${name}: ${WS} over ours, live again a second`,
        direction: "at most",
        limit,
        unit: "x",
        value: (find) => ratio(find, ours, WS, "W6", name, "per_second", "theirs/ours"),
        rows: [[name, ours]],
      }),
    ),
    queue(postsName, 13_000),
    queue(drain, 20_000),
    {
      workload: "W12",
      words: `${HALF_LOAD}: p99 from one process to the other`,
      direction: "below",
      limit: 50,
      unit: "ms",
      value: (find) => milliseconds(find, HALF_LOAD, ours, 0.99, "W12"),
      rows: [[HALF_LOAD, ours]],
    },
    {
      workload: "W7",
      words: `${drain}: messages/s over ${BARE_DRAIN}`,
      direction: "at least",
      limit: 0.7,
      unit: "x",
      value: (find) => ratio(find, ours, BARE_DRAIN, "W7", drain, "per_second"),
      rows: [[drain, ours]],
    },
  ];
}

function reaches(value: number, direction: Direction, limit: number): boolean {
  if (direction === "at least") return value >= limit;
  return direction === "at most" ? value <= limit : value < limit;
}

/** Holds what was found against the bars of the workloads that ran. A bar over a faulty row has failed. */
export function judge(find: Lookup, names: BarNames, ran: readonly WorkloadName[]): Judgement[] {
  return barsFor(names)
    .filter((bar) => ran.includes(bar.workload))
    .map((bar) => {
      const value = bar.value(find);
      const faulty = bar.rows.some(
        ([name, peer]) => (find(bar.workload, name, peer)?.failures.length ?? 0) > 0,
      );
      const verdict = ((): Verdict => {
        if (value === "absent") return "not present";
        if (faulty) return "failed";
        if (value === undefined || Number.isNaN(value)) return "not measured";
        return reaches(value, bar.direction, bar.limit) ? "met" : "missed";
      })();
      return {
        workload: bar.workload,
        bar: `${bar.words}: ${bar.direction} ${bar.limit} ${bar.unit}`,
        value: typeof value === "number" ? value : undefined,
        limit: bar.limit,
        unit: bar.unit,
        verdict,
      };
    });
}

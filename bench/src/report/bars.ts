import { ratioOf } from "../measure/statistics.ts";
import { nats } from "../peers/nats.ts";
import { nchan } from "../peers/nchan.ts";
import { rabbitmqQueues, rabbitmqTopics } from "../peers/rabbitmq.ts";
import type { Metric, Sizes, WorkloadName } from "../workloads/sample.ts";
import { caseNames } from "../workloads/w1-sends.ts";
import { idleName, levelsOf } from "../workloads/w3-idle.ts";
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
    idle: idleName(levelsOf(sizes.idle, descriptors).at(-1) as number),
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
  const socketio = `${ours}, socketio`;
  const bar = (
    workload: WorkloadName,
    name: string,
    words: string,
    [direction, limit, unit]: [Direction, number, Bar["unit"]],
    value: Bar["value"],
    peers: readonly string[] = [ours],
  ): Bar => ({
    ...{ workload, words: `${name}: ${words}`, direction, limit, unit, value },
    rows: peers.map((peer) => [name, peer]),
  });
  /** Ours is at least so many times as fast. */
  const faster = (workload: WorkloadName, name: string, words: string, theirs: string, limit: number): Bar =>
    bar(
      workload,
      name,
      `${words} over ${theirs}`,
      ["at least", limit, "x"],
      (find) => ratio(find, ours, theirs, workload, name, "per_second"),
      [ours, theirs],
    );
  const p99 = (name: string, direction: Direction, limit: number, workload: WorkloadName = "W1"): Bar =>
    bar(workload, name, "p99 end to end", [direction, limit, "ms"], (find) =>
      milliseconds(find, name, ours, 0.99, workload),
    );
  /** Theirs takes at least so many times as much CPU. */
  const cpu = (name: string, limit: number, theirs: string, dialect?: "socketio" | "stomp"): Bar => {
    const mine = dialect === undefined ? ours : `${ours}, ${dialect}`;
    return bar(
      "W2",
      name,
      `server CPU a delivery, ${theirs} over ${dialect === undefined ? "ours" : `our ${dialect} dialect`}`,
      ["at least", limit, "x"],
      (find) => ratio(find, mine, theirs, "W2", name, "server_cpu_us", "theirs/ours"),
      [mine, theirs],
    );
  };
  const start = (name: string, limit: number): Bar =>
    bar(
      "W4",
      name,
      "seconds",
      ["below", limit, "s"],
      (find) => find("W4", name, ours)?.metrics.seconds?.median,
    );
  const queue = (name: string, limit: number): Bar =>
    bar(
      "W7",
      name,
      "messages/s",
      ["at least", limit, "/s"],
      (find) => find("W7", name, ours)?.metrics.per_second?.median,
    );
  const slow = open[0] ?? "";
  const fast = open[1] ?? "";
  const [singles, bursts] = ["1000, singles", "1000, bursts of 10"] as const;
  return [
    faster("W1", many, "messages/s", BARE_INSERT, 0.4),
    faster("W1", many, "messages/s", POOL, 5),
    faster("W1", many, "messages/s", ONE, 12),
    faster("W1", many, "messages/s", SOCKETIO, 8),
    p99(many, "below", 150),
    p99(slow, "at most", 20),
    bar(
      "W1",
      slow,
      `p99 over that of ${POOL}`,
      ["at most", 0.2, "x"],
      (find) => over(milliseconds(find, slow, ours, 0.99), milliseconds(find, slow, POOL, 0.99)),
      [ours, POOL],
    ),
    p99(fast, "at most", 30),
    p99(some, "at most", 15),
    bar(
      "W1",
      one,
      "p50 end to end over the bare round trip",
      ["at most", 1.3, "x"],
      (find) => over(milliseconds(find, one, ours, 0.5), milliseconds(find, one, ONE, 0.5)),
      [ours, ONE],
    ),
    faster("W1", some, "messages/s", rabbitmqQueues.name, 4),
    faster("W1", some, "messages/s", "ejabberd with its archive in PostgreSQL", 8),
    cpu(singles, 1.25, WS),
    cpu(ROOMS, 1, WS),
    cpu(bursts, 6, WS),
    cpu(bursts, 1, nats.name),
    cpu(bursts, 1.2, nchan.name),
    cpu(singles, 1, EMIT, "socketio"),
    cpu(bursts, 3, EMIT, "socketio"),
    cpu(singles, 7, rabbitmqTopics.name, "stomp"),
    cpu(bursts, 7, rabbitmqTopics.name, "stomp"),
    bar(
      "W3",
      idle,
      `bytes a connection over ${WS}`,
      ["at most", 1.5, "x"],
      (find) => ratio(find, ours, WS, "W3", idle, "bytes"),
      [ours, WS],
    ),
    bar("W3", idle, "a connection", ["at most", 10, "KB"], (find) =>
      over(find("W3", idle, ours)?.metrics.bytes?.median, 1024),
    ),
    bar(
      "W3",
      idle,
      "bytes a connection in our socketio dialect over bare Socket.IO",
      ["at most", 1, "x"],
      (find) => ratio(find, socketio, EMIT, "W3", idle, "bytes"),
      [socketio, EMIT],
    ),
    bar("W3", idle, "CPU at rest", ["below", 3, "%"], (find) =>
      over(find("W3", idle, ours)?.metrics.rest_share?.median, 0.01),
    ),
    faster("W3", idle, "accepts a second", WS, 0.8),
    start("cold", 3),
    start("warm", 1.5),
    faster("W5", PAGE_CASES.newest, "answers/s", BARE_SQL, 3),
    faster("W5", PAGE_CASES.depth, "answers/s", BARE_SQL, 0.7),
    ...SEARCHES.map(({ name }) => p99(name, "below", 100, "W10")),
    ...back.map(({ name, limit }) =>
      bar(
        "W6",
        name,
        `${WS} over ours, live again a second`,
        ["at most", limit, "x"],
        (find) => ratio(find, ours, WS, "W6", name, "per_second", "theirs/ours"),
        [ours, WS],
      ),
    ),
    queue(postsName, 13_000),
    queue(drain, 20_000),
    p99(HALF_LOAD, "below", 50, "W12"),
    faster("W7", drain, "messages/s", BARE_DRAIN, 0.7),
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

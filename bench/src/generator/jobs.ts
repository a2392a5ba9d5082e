import type { HistogramData } from "../measure/histogram.ts";
import type { DriverName } from "./drivers/driver.ts";

type Target = {
  port: number;
  driver: DriverName;
  /** Leads every user's name, so that no two jobs on one server share users or conversations. */
  tag: string;
  /** Every k-th receiving socket has all its frames decoded and its order by `seq` checked. */
  checkEvery: number;
};

/** One sender to one receiver, many times over. Exactly one of `window` and `rate` is set. */
export type PairsJob = Target & {
  kind: "pairs";
  pairs: number;
  /** Closed loop: unacknowledged messages per pair. */
  window?: number;
  /** Of a second server that is one system with the first: who sends is on one of them, who hears on the other. */
  otherPort?: number;
  /** Open loop: messages a second over all pairs, due at fixed times whatever the server does. */
  rate?: number;
  warmSeconds: number;
  seconds: number;
  /** Closed loop only: stop when so many have been sent, however long it takes. */
  total?: number;
};

export type FanoutPhase = { name: string; burst: number; warmSeconds: number; seconds: number };

/** One sender to all listeners of each room; a room's next burst goes out when all have the last one. */
export type FanoutJob = Target & {
  kind: "fanout";
  rooms: number;
  listeners: number;
  phases: FanoutPhase[];
};

/** Holds connections. Answers each `connect` with what it took to get to that many. */
export type IdleJob = Target & { kind: "idle" };

/** Users in groups, each in so many conversations with its group, come back after `missed` messages to each. */
export type ResumeJob = Target & {
  kind: "resume";
  users: number;
  groupSize: number;
  conversations: number;
  missed: number;
};

/** Posts onto the queue dialect's queue, one at a time over each connection. */
export type PostsJob = {
  kind: "posts";
  port: number;
  tag: string;
  pairs: number;
  connections: number;
  /** Every k-th receiver listens; 0: none. */
  watchEvery: number;
  warmSeconds: number;
  seconds: number;
  /** Stop when so many have been sent, however long it takes. */
  total?: number;
};

/** As busy as so many people. */
export type DayStep = { name: string; asMany: number };

/** People in conversations of all sizes, each with one connection, do what people at work do. */
export type DayJob = Target & {
  kind: "day";
  users: number;
  /** People in the largest group; the others fall with their rank. */
  largestGroup: number;
  steps: DayStep[];
  warmSeconds: number;
  seconds: number;
};

export type Job = PairsJob | FanoutJob | IdleJob | ResumeJob | PostsJob | DayJob;

/** What the generator found while it measured. A run with a fault in an ordered dialect has failed. */
export type Truth = {
  sent: number;
  acked: number;
  received: number;
  missing: number;
  doubled: number;
  outOfOrder: number;
  /** Sampled sockets whose `seq` did not rise, or whose decoded text did not match. */
  seqFaults: number;
  checkedSockets: number;
  /** The first few errors in words. */
  errors: string[];
};

export type PhaseResult = {
  name: string;
  seconds: number;
  /** Deliveries that arrived inside the measured time; resume: clients that are live. */
  delivered: number;
  /**
   * Pairs, posts: from the intended send to the receipt. Fan-out: from the send to the last listener. Resume: from the first
   * connection to each one's being live. Day: from the intended send to each receipt. Microseconds.
   */
  latency: HistogramData;
  /**
   * Pairs, posts: from the intended send to the ack. Fan-out: from the first listener to the last. Day: from
   * when something was to be done to its answer. Microseconds.
   */
  second: HistogramData;
  generatorCpu: number;
};

export type JobResult = {
  phases: PhaseResult[];
  truth: Truth;
  /** Fan-out: from the conversations' making until all listeners had the first message. */
  firstSeconds?: number;
};

export type ToGenerator = { type: "job"; job: Job } | { type: "connect"; upTo: number } | { type: "finish" };

export type FromGenerator =
  | { type: "begin"; phase: string }
  | { type: "end"; phase: string }
  | { type: "connected"; count: number; seconds: number; refused: string[] }
  | { type: "done"; result: JobResult }
  | { type: "failed"; reason: string };

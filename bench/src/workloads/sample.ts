import type { Truth } from "../generator/jobs.ts";
import type { HistogramData } from "../measure/histogram.ts";
import type { Durability } from "../peers/peer.ts";

export type WorkloadName = "W1" | "W2" | "W3" | "W4" | "W5" | "W6" | "W7" | "W8" | "W10" | "W11" | "W12";

/** One case of one peer in one round: the raw values, as they go into the results. */
export type Sample = {
  workload: WorkloadName;
  case: string;
  peer: string;
  durability: Durability;
  round: number;
  metrics: Partial<Record<Metric, number>>;
  /** W1: end to end and ack. W7: until stored and told, and until taken. W2: send to last listener, and first to last listener. Microseconds. */
  histograms: { latency?: HistogramData; second?: HistogramData };
  truth?: Truth;
  bottleneck: string;
  /** Why there are no metrics. */
  failure?: string;
  /** The peer is not installed here. */
  absent?: true;
};

/**
 * per_second: messages (W1, W12), deliveries (W2), connects (W3), answers (W5, W10, W11), clients that are live again (W6),
 * messages taken or stored (W7). *_cpu_us: CPU per one of these. *_share: of one core, 1 is all of it. bytes, kernel_bytes:
 * per connection. seconds: until ready (W4). index_seconds: from the last message's ack until a search found it, indexed_per_second: of what
 * was stored in bulk (W10). first_seconds: until new conversations' first message was with all (W2).
 */
export type Metric =
  | "per_second"
  | "server_cpu_us"
  | "database_cpu_us"
  | "redis_cpu_us"
  | "server_share"
  | "database_share"
  | "generator_share"
  | "foreign_share"
  | "bytes"
  | "kernel_bytes"
  | "rest_share"
  | "connections"
  | "first_seconds"
  | "index_seconds"
  | "indexed_per_second"
  | "seconds";

/** What every workload is given: sizes, a place for data, and where to put what it finds. */
export type Context = {
  sizes: Sizes;
  /** A fresh directory below the run's own; short, for a Unix socket's path must fit in 107 bytes. */
  freshDirectory(): string;
  discard(directory: string): void;
  cores: number;
  add(sample: Sample): void;
  say(line: string): void;
  seed: string;
};

export type Sizes = {
  rounds: number;
  /** W1 syncs to disk, and single runs of that lie by a factor of four. */
  roundsSynced: number;
  warmSeconds: number;
  seconds: number;
  /** W2: its deliveries are many, so less time says as much. */
  fanoutSeconds: number;
  pairs: number;
  openRates: number[];
  listeners: number[];
  smallRooms: number;
  idle: number[];
  restSeconds: number;
  /** Before memory is read; a collection falls into the middle of it. */
  settleSeconds: number;
  storedBeforeCrash: number;
  /** W5, W10, W11: one person's conversations, and what was said in all of them. */
  libraryConversations: number;
  libraryMessages: number;
  /** W6: who come back at once. */
  users: number;
  /** W7: messages that wait before they are drained. */
  backlog: number;
  checkEvery: number;
};

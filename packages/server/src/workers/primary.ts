import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { AggregatorRegistry } from "prom-client";
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from "../adapters/store/embedded/embedded-postgres.ts";
import type { Config, Mode } from "../config.ts";
import type { Log } from "../core/ports/log.ts";
import { StartupError } from "../core/ports/startup-error.ts";
import { createExchange, type Exchange } from "./exchange.ts";
import { ipcPort, type Listening, type Seating } from "./ipc.ts";
import { connectPeer, type Peer } from "./peer.ts";

export interface RunningWorkers extends Listening {
  readonly mode: Mode;
  readonly workers: number;
  /** Lets all of them drain, then stops PostgreSQL. */
  drain(): Promise<void>;
}

/** One that dies sooner than this after its start may do so again. */
const SHORT_LIFE_MS = 5_000;
const RESTART_MS = 1_000;
/** Of the embedded PostgreSQL: for each worker, and beside them. */
const CONNECTIONS_EACH = 20;
const CONNECTIONS_BESIDE = 20;
/** What a worker that does not answer has said of itself by then is left out. */
const METRICS_MS = 1_000;

/**
 * Makes the processes that share a port, and runs what they share: the embedded PostgreSQL and the exchange. A worker
 * that dies is replaced; where the first ones cannot start, nothing does. Rejects with a `StartupError`.
 */
export async function startWorkers(config: Config, log: Log): Promise<RunningWorkers> {
  const socketDirectory = await mkdtemp(join(tmpdir(), "parlance-workers-"));
  const embedded = config.databaseUrl === null ? await startPostgres(config, log) : null;
  const exchange = createExchange(Date.now, () => performance.now());
  const crew = new Crew({ count: config.workers, socketDirectory, embedded, exchange, log });
  const stop = async (): Promise<void> => {
    exchange.closing();
    await crew.stop();
    await embedded?.stop();
    await rm(socketDirectory, { recursive: true, force: true });
  };
  try {
    const facts = await crew.start();
    return { ...facts, mode: config.mode, workers: config.workers, drain: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startPostgres(config: Config, log: Log): Promise<EmbeddedPostgres> {
  return await startEmbeddedPostgres({
    dataDir: resolve(config.dataDir),
    log,
    settings: { max_connections: String(CONNECTIONS_BESIDE + CONNECTIONS_EACH * config.workers) },
  });
}

interface CrewOptions {
  readonly count: number;
  readonly socketDirectory: string;
  readonly embedded: EmbeddedPostgres | null;
  readonly exchange: Exchange;
  readonly log: Log;
}

/** The workers that there are to be. */
class Crew {
  readonly #options: CrewOptions;
  readonly #peers = new Map<Worker, Peer>();
  #isStopping = false;

  constructor(options: CrewOptions) {
    this.#options = options;
    // Payloads of the bus are bytes.
    cluster.setupPrimary({ serialization: "advanced" });
  }

  /** Resolves when all listen. The first goes ahead: what is to be made once is there for the others. */
  async start(): Promise<Listening> {
    const first = await this.#begin(0);
    await Promise.all(
      Array.from({ length: this.#options.count - 1 }, async (_, i) => await this.#begin(i + 1)),
    );
    return first;
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(
      [...this.#peers.keys()].map(async (worker) => {
        const ended = once(worker, "exit");
        worker.process.kill("SIGTERM");
        await ended;
      }),
    );
  }

  /** Resolves when it listens. */
  async #begin(index: number): Promise<Listening> {
    const { exchange, log } = this.#options;
    const begun = performance.now();
    const worker = cluster.fork();
    const member = exchange.join();
    const listening = Promise.withResolvers<Listening>();
    let isRunning = false;
    const peer = connectPeer(ipcPort(worker), (method, args) => {
      if (method === "sit") return this.#seatingOf(index);
      if (method === "all-metrics") return this.#metrics();
      if (method !== "listening") return member.serve(method, args);
      isRunning = true;
      listening.resolve(args[0] as Listening);
    });
    this.#peers.set(worker, peer);
    member.connected(peer);
    worker.on("error", (error) => log.warn({ error }, "a worker does not hear"));
    worker.on("exit", (code, signal) => {
      this.#peers.delete(worker);
      peer.gone();
      member.left();
      listening.reject(new StartupError("a worker could not start; it has said why"));
      if (this.#isStopping || !isRunning) return;
      log.error({ worker: index, code, signal }, "a worker has ended and is being started again");
      this.#replace(index, performance.now() - begun < SHORT_LIFE_MS ? RESTART_MS : 0);
    });
    return await listening.promise;
  }

  #replace(index: number, afterMs: number): void {
    setTimeout(() => {
      if (this.#isStopping) return;
      this.#begin(index).catch(() => this.#replace(index, RESTART_MS));
    }, afterMs);
  }

  #seatingOf(index: number): Seating {
    const { count, socketDirectory, embedded } = this.#options;
    const postgres =
      embedded === null ? null : { connection: embedded.connection, version: embedded.version };
    return { index, count, socketDirectory, postgres };
  }

  async #metrics(): Promise<string> {
    const late = new Promise<null>((done) => setTimeout(done, METRICS_MS, null));
    const all = await Promise.all(
      [...this.#peers.values()].map((peer) => Promise.race([peer.call("metrics").catch(() => null), late])),
    );
    return await AggregatorRegistry.aggregate(all.filter((one) => one !== null) as object[]).metrics();
  }
}

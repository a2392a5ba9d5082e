import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from "../../src/adapters/store/embedded/embedded-postgres.ts";
import type { Log } from "../../src/core/ports/log.ts";
import { recordingLog } from "../support/log.ts";
import { withClient } from "../support/postgres.ts";
import { parentOf, processesOf, scratch, serverPid, startParent, untilGone } from "./scene.ts";

const DOWN = "PostgreSQL is down";
const UP = "PostgreSQL is up again";

/** @param onDown called in the moment in which the log says that the server has ended */
async function start(dataDir: string, onDown = (): void => {}) {
  const { log, entries } = recordingLog();
  const error: Log["error"] = (fields, message) => {
    log.error(fields, message);
    if (message === DOWN) onDown();
  };
  const postgres = await startEmbeddedPostgres({ dataDir, log: { ...log, error } });
  onTestFinished(() => postgres.stop());
  const heard = () =>
    entries.map(({ message }) => message).filter((message) => message === DOWN || message === UP);
  return { postgres, heard, entries };
}

const store = (postgres: EmbeddedPostgres) =>
  withClient(postgres.connection, (client) => client.query("create table kept as select 1 as one"));

const keptRows = (postgres: EmbeddedPostgres) =>
  withClient(postgres.connection, async (client) => (await client.query("select * from kept")).rowCount);

test("a server that dies is logged, started again, and has lost nothing", async () => {
  const dataDir = scratch();
  const { postgres, heard } = await start(dataDir);
  await store(postgres);
  for (const round of [1, 2]) {
    process.kill(serverPid(dataDir), "SIGKILL");
    await expect.poll(heard, { timeout: 15_000 }).toEqual(Array(round).fill([DOWN, UP]).flat());
    expect(await keptRows(postgres)).toBe(1);
  }
});

test("a server whose supervisor dies is ended, then started again in the same place", async () => {
  const dataDir = join(scratch(), "long".repeat(30));
  const { postgres, heard } = await start(dataDir);
  await store(postgres);
  const before = serverPid(dataDir);
  process.kill(parentOf(before), "SIGKILL");
  await expect.poll(heard, { timeout: 15_000 }).toEqual([DOWN, UP]);
  expect(serverPid(dataDir)).not.toBe(before);
  // The old watch must leave the socket's directory alone when it ends: the new server's socket is in it.
  const ofOneServer = ["waiting shell", "reading shell", "postmaster"].length;
  await expect.poll(() => processesOf(dataDir).length, { timeout: 20_000 }).toBe(ofOneServer);
  expect(await keptRows(postgres)).toBe(1);
});

test("a server that cannot start is tried again, with the reason in the log, until it can", async () => {
  const dataDir = scratch();
  const [there, away] = [join(dataDir, "postgres", "global"), join(dataDir, "away")];
  const { heard, entries } = await start(dataDir, () => renameSync(there, away));
  process.kill(serverPid(dataDir), "SIGKILL");
  const failures = () => entries.filter(({ message }) => message === "PostgreSQL does not start again");
  await expect.poll(() => failures().length, { timeout: 15_000 }).toBeGreaterThan(1);
  expect(failures()[0]?.fields).toMatchObject({ reason: expect.stringMatching(/pg_control|global/) });
  renameSync(away, there);
  await expect.poll(heard, { timeout: 15_000 }).toEqual([DOWN, UP]);
});

test("stopping works while the server is down", async () => {
  const dataDir = scratch();
  const down = Promise.withResolvers<void>();
  const { postgres, heard } = await start(dataDir, down.resolve);
  const stopped = down.promise.then(() => postgres.stop());
  process.kill(serverPid(dataDir), "SIGKILL");
  await stopped;
  await untilGone(dataDir);
  expect(processesOf(dataDir)).toEqual([]);
  expect(heard()).toEqual([DOWN]);
});

test("when we are killed the server ends within seconds, and the next start finds the data", async () => {
  const dataDir = join(scratch(), "long".repeat(30));
  const parent = startParent("hold", dataDir);
  const { host } = await parent.next();
  parent.kill("SIGKILL");
  expect(await untilGone(dataDir)).toBeLessThan(5_000);
  expect(processesOf(dataDir)).toEqual([]);
  expect(existsSync(String(host))).toBe(false);
  const { postgres } = await start(dataDir);
  expect(await keptRows(postgres)).toBe(1);
});

test("when we are killed, a start at the same moment waits for the old server", async () => {
  const dataDir = scratch();
  const parent = startParent("hold", dataDir);
  await parent.next();
  parent.kill("SIGKILL");
  const { postgres } = await start(dataDir);
  expect(await keptRows(postgres)).toBe(1);
});

test("when we and the server are killed together, the next start repairs the data", async () => {
  const dataDir = scratch();
  const parent = startParent("hold", dataDir);
  await parent.next();
  process.kill(serverPid(dataDir), "SIGKILL");
  parent.kill("SIGKILL");
  const { postgres } = await start(dataDir);
  expect(await keptRows(postgres)).toBe(1);
});

test("when we are killed while the data directory is being made, the next start makes it", async () => {
  const dataDir = scratch();
  const parent = startParent("hold", dataDir);
  await expect.poll(() => existsSync(join(dataDir, "postgres.unfinished")), { interval: 5 }).toBe(true);
  parent.kill("SIGKILL");
  expect(await parent.next()).toEqual({});
  const { postgres } = await start(dataDir);
  await store(postgres);
  expect(await keptRows(postgres)).toBe(1);
});

test("Ctrl-C reaches us and not the server", async () => {
  const dataDir = scratch();
  const parent = startParent("hold", dataDir);
  await parent.next();
  for (const _ of ["first", "second"]) {
    parent.kill("SIGINT");
    expect(await parent.next()).toEqual({ rows: 1 });
    // A server that it had reached would have ended its sessions by the second time.
    await delay(300);
  }
  parent.kill("SIGKILL");
  await untilGone(dataDir);
});

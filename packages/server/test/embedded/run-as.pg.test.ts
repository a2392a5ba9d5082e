import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { bundledBinaries } from "../../src/adapters/store/embedded/binaries.ts";
import { type ClusterOptions, startCluster } from "../../src/adapters/store/embedded/cluster.ts";
import { chooseRunAs, run } from "../../src/adapters/store/embedded/run-as.ts";
import { silentLog } from "../../src/core/ports/log.ts";
import { StartupError } from "../../src/core/ports/startup-error.ts";
import { withClient } from "../support/postgres.ts";
import { scratch, serverPid, startParent, untilGone } from "./scene.ts";

const NOBODY = 65534;
const binaries = bundledBinaries();
const isRoot = process.getuid?.() === 0;
const hasNamespaces =
  isRoot && (await run(["unshare", "--user", "--map-user=65534", "--map-group=65534", "true"])).status === 0;
/** Another user can only run what it can reach; not so in a checkout below a private home. */
const othersReachUs =
  isRoot &&
  (await run(["sh", "-c", 'cd "$1"', "sh", import.meta.dirname], { uid: NOBODY, gid: NOBODY })).status === 0;

async function start(options: Omit<ClusterOptions, "log">, from = binaries) {
  const cluster = await startCluster(from, { log: silentLog, ...options });
  onTestFinished(() => cluster.stop());
  await withClient(cluster.connection, (client) => client.query("select 1"));
  return cluster;
}

const ownerOf = (path: string) => statSync(path).uid;

/** The bundled PostgreSQL as it would lie in a checkout below a home that only its owner may enter. */
function privateBinaries() {
  const home = scratch();
  execFileSync("cp", ["-a", dirname(binaries.directory), home]);
  return { ...binaries, directory: join(home, "native", "bin") };
}

describe.runIf(hasNamespaces)("as root with user namespaces", () => {
  test("works where only root may enter, and the files stay root's", async () => {
    const dataDir = join(scratch(), "data");
    const cluster = await start({ dataDir }, privateBinaries());
    expect(ownerOf(join(dataDir, "postgres", "PG_VERSION"))).toBe(0);
    await cluster.stop();
    await start({ dataDir });
  });

  test.runIf(othersReachUs)("takes back a directory that was made without them", async () => {
    const dataDir = scratch();
    chmodSync(dataDir, 0o755);
    await (await start({ dataDir, runAs: "user" })).stop();
    await start({ dataDir, runAs: "namespace" });
    expect(ownerOf(join(dataDir, "postgres"))).toBe(0);
    expect(ownerOf(join(dataDir, "postgres", "PG_VERSION"))).toBe(0);
  });

  test.runIf(othersReachUs)("a user id without a name starts it too", async () => {
    const dataDir = join(openDirectory(), "data");
    mkdirSync(dataDir);
    chownSync(dataDir, 54_321, 54_321);
    const parent = startParent("once", dataDir, { uid: 54_321, gid: 54_321 });
    expect(await parent.next()).toEqual({ stopped: true });
  });
});

describe.runIf(isRoot && othersReachUs)("as root without user namespaces", () => {
  test("runs as nobody over a directory of its own", async () => {
    const dataDir = join(openDirectory(), "data");
    await start({ dataDir, runAs: "user" });
    expect(ownerOf(`/proc/${serverPid(dataDir)}`)).toBe(NOBODY);
    expect(ownerOf(join(dataDir, "postgres"))).toBe(NOBODY);
  });

  test("over a long path the socket's directory is nobody's too", async () => {
    const dataDir = join(openDirectory(), "long".repeat(30));
    const { connection } = await start({ dataDir, runAs: "user" });
    expect(ownerOf(connection.host)).toBe(NOBODY);
  });

  test("below a private directory it says what to do", async () => {
    const dataDir = join(scratch(), "data");
    const starting = startCluster(binaries, { dataDir, log: silentLog, runAs: "user" });
    await expect(starting).rejects.toThrow(StartupError);
    await expect(starting).rejects.toThrow(
      /cannot reach the data directory .*Set DATA_DIR to one .* or start Parlance as a user other than root/,
    );
    await untilGone(dataDir);
  });

  test("with its programs below a private directory it says so", async () => {
    const dataDir = join(openDirectory(), "data");
    const starting = startCluster(privateBinaries(), { dataDir, log: silentLog, runAs: "user" });
    await expect(starting).rejects.toThrow(/cannot reach its programs .* or start Parlance as a user other/);
  });
});

describe.runIf(isRoot && othersReachUs)("as an ordinary user", () => {
  test("runs as that user, and a start under sudo leaves it the directory", async () => {
    const dataDir = join(openDirectory(), "data");
    mkdirSync(dataDir);
    const user = { uid: 1, gid: 1 }; // daemon: has a name everywhere.
    chownSync(dataDir, user.uid, user.gid);
    const parent = startParent("hold", dataDir, user);
    expect(await parent.next()).toEqual({ host: join(dataDir, "postgres") });
    expect(ownerOf(`/proc/${serverPid(dataDir)}`)).toBe(user.uid);
    parent.kill("SIGKILL");
    await untilGone(dataDir);
    expect(await chooseRunAs(join(dataDir, "postgres"))).toMatchObject({ kind: "user", owner: user });
    await start({ dataDir });
    expect(ownerOf(join(dataDir, "postgres"))).toBe(user.uid);
    expect(ownerOf(join(dataDir, "postgres", "postmaster.pid"))).toBe(user.uid);
  });

  test("a directory it may not write is named", async () => {
    const dataDir = join(openDirectory(), "data");
    const parent = startParent("once", dataDir, { uid: 1, gid: 1 });
    expect(await parent.next()).toEqual({
      name: "StartupError",
      error: expect.stringContaining(`The data directory ${dataDir} cannot be used (EACCES`),
    });
  });
});

function openDirectory(): string {
  const path = scratch();
  chmodSync(path, 0o755);
  return path;
}

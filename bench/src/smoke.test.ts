import { type ChildProcess, execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { nats } from "./peers/nats.ts";
import { nchan } from "./peers/nchan.ts";
import { rabbitmqQueues, rabbitmqTopics } from "./peers/rabbitmq.ts";
import type { Results } from "./results.ts";

const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));
const place = mkdtempSync(join(tmpdir(), "plb-smoke-"));
const started = new Set<ChildProcess>();
afterAll(() => {
  // One that was too slow for its test takes its servers along.
  for (const child of started) child.kill();
  rmSync(place, { recursive: true, force: true });
});
const out = join(place, "results.json");
const results = () => JSON.parse(readFileSync(out, "utf8")) as Results;
const samplesOf = (peer: string) => results().samples.filter((sample) => sample.peer === peer);

function bench(...argv: string[]): Promise<{ code: number | string; output: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, ...argv], (error, stdout, stderr) => {
      started.delete(child);
      resolve({ code: error ? (error.code ?? "killed") : 0, output: stdout + stderr });
    });
    started.add(child);
  });
}

// Needs the whole server and four PostgreSQLs one after the other: some twenty seconds, and of RabbitMQ twice where it is installed.
test("every workload runs against the real server, and every message comes once and in order", async () => {
  const { code, output } = await bench("--quick", "--out", out);
  expect(code, output).toBe(0);

  const ours = samplesOf("Parlance");
  expect(ours.filter((sample) => sample.failure !== undefined)).toEqual([]);
  const cases = ours.map((sample) => `${sample.workload} ${sample.case}`);
  expect(cases).toEqual([
    "W1 8x10",
    "W1 2x1",
    "W1 1x1",
    "W1 open 200/s",
    "W2 20, singles",
    "W2 20, bursts of 10",
    "W2 2 rooms of 10, singles",
    "W2 2 rooms of 10, bursts of 10",
    "W3 50 idle",
    "W4 cold",
    "W4 warm",
    "W4 kill -9 of all, 500 stored",
    "W4 kill -9 of the server alone",
  ]);
  for (const { workload, truth } of ours) {
    if (workload !== "W1" && workload !== "W2") continue;
    expect(truth).toMatchObject({ missing: 0, doubled: 0, outOfOrder: 0, seqFaults: 0 });
    expect(truth!.received).toBeGreaterThan(0);
    expect(truth!.acked).toBe(truth!.sent);
    expect(truth!.checkedSockets).toBeGreaterThan(0);
  }

  const plotted = await bench("--plot", out);
  expect(plotted.output).toContain("w1-8x10.svg");
  expect(readFileSync(join(place, "w1-8x10.svg"), "utf8")).toContain("bare batch insert");
}, 240_000);

// Nobody has to install them to run the tests.
test.for([rabbitmqQueues, rabbitmqTopics, nats, nchan])(
  "$name was measured in that run where it is installed, and else its rows say that it is not",
  ({ name, version }, { skip }) => {
    const samples = samplesOf(name);
    expect(samples.length).toBeGreaterThan(0);
    if (version!() === undefined) {
      expect(samples.every((sample) => sample.absent)).toBe(true);
      skip("not installed");
    }
    expect(results().versions[name]).toMatch(/\d\.\d/);
    for (const { truth, failure } of samples) {
      expect(failure).toBeUndefined();
      expect(truth).toMatchObject({ missing: 0, doubled: 0, outOfOrder: 0, seqFaults: 0 });
      expect(truth!.received).toBeGreaterThan(0);
    }
  },
);

test("a workload that does not exist is refused by name", async () => {
  const { code, output } = await bench("W99");
  expect(code).toBe(1);
  expect(output).toContain("W99");
});

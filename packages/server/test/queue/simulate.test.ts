import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openScene, type Scene, type ServerProcess, spawnMain } from "../support/server.ts";

let scene: Scene;
let server: ServerProcess;
beforeAll(async () => {
  scene = await openScene("simulate");
  server = await scene.start();
});
afterAll(() => scene.close());

async function simulate(...argv: string[]): Promise<{ code: number | null; out: string }> {
  const child = spawnMain(["simulate", ...argv], {});
  let out = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (out += chunk));
  const [code] = await once(child, "close");
  return { code, out };
}

const TIMES = /to accepted {2}p50 [\d.]+ ms {2}p99 [\d.]+ ms\nto stored {4}p50 [\d.]+ ms {2}p99 [\d.]+ ms\n/;

test("a hundred messages to a server as it comes are all found again", async () => {
  const { code, out } = await simulate("--messages", "100", "--url", server.url);
  expect(out).toMatch(/^100 messages to http:/);
  expect(out.match(/^\d+ of 100$/gm)).toHaveLength(10);
  expect(out).toContain("sent 100  stored 100  failed 0\n");
  expect(out).toMatch(TIMES);
  expect(code).toBe(0);
});

test("by an interval they come one after another", async () => {
  const started = performance.now();
  const { code, out } = await simulate("--messages", "3", "--interval", "1s", "--url", `${server.url}/`);
  expect(performance.now() - started).toBeGreaterThan(2_000);
  expect([code, out]).toEqual([0, expect.stringContaining("sent 3  stored 3  failed 0\n")]);
});

test("what is accepted or refused and not stored is missing: it is said why, and the exit code is 1", async () => {
  const limited = await scene.start({ WRITER_MAX_QUEUED: "1" });
  const { code, out } = await simulate("--messages", "60", "--url", limited.url);
  const [, stored, failed] = /sent 60 {2}stored (\d+) {2}failed (\d+)/.exec(out) ?? [];
  expect(Number(stored) + Number(failed)).toBe(60);
  expect(Number(failed)).toBeGreaterThan(0);
  expect(out).toMatch(/^failed: answered 503 /m);
  expect(code).toBe(1);
});

test("it says what is wrong with its flags, with the address, and with whoever answers there", async () => {
  const other = createServer((_, response) => response.writeHead(404).end()).listen(0, "127.0.0.1");
  await once(other, "listening");
  const elsewhere = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
  for (const [argv, words] of [
    [["--messages", "0"], "--messages: expected an integer from 1 to 100000"],
    [["--interval", "1"], "--interval: expected a time such as"],
    [
      ["--interval", "1", "--messages", "x"],
      "--messages: expected an integer from 1 to 100000\n--interval: expected",
    ],
    [["--url", "localhost:8080"], "--url: expected a URL"],
    [["--url", "http://127.0.0.1:1"], "nothing answers at http://127.0.0.1:1 ("],
    [["--port", "1"], "nothing answers at http://127.0.0.1:1 ("],
    [["--host", "::1", "--port", "1"], "nothing answers at http://[::1]:1 ("],
    [["--url", elsewhere], "is no Parlance (/health gave 404)"],
    [["--jwt-secret", "q8Zr3vNw0LkTj5XbYd2HsGf7UcPe9MaV4oRi"], "a service's token"],
  ] as const) {
    const { code, out } = await simulate(...argv);
    expect([code, out], argv.join(" ")).toEqual([1, expect.stringContaining(words)]);
    expect(out).not.toMatch(/\n +at /);
  }
  other.close();
});

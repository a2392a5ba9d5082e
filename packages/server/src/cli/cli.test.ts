import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Script } from "node:vm";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createIdentity } from "../http/identity.ts";
import { readOrMakeOpenSecret } from "../http/open-secret.ts";
import { banner } from "./banner.ts";

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));
const LISTEN = fileURLToPath(new URL("./testing/listen.ts", import.meta.url));
const SECRET = "q8Zr3vNw0LkTj5XbYd2HsGf7UcPe9MaV4oRi";

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "parlance-cli-"));
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

const children = new Set<ChildProcess>();
afterEach(() => {
  for (const child of children) child.kill("SIGKILL");
  children.clear();
});

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function parlance(argv: string[], env: Record<string, string> = {}): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...argv], {
    cwd: directory,
    env: { PATH: process.env.PATH, ...env },
  });
  children.add(child);
  const [out, err] = [collect(child.stdout), collect(child.stderr)];
  const [code] = (await once(child, "close")) as [number | null];
  return { code, out: out(), err: err() };
}

function collect(stream: NodeJS.ReadableStream): () => string {
  let text = "";
  stream.on("data", (chunk: Buffer) => {
    text += chunk.toString("utf8");
  });
  return () => text;
}

describe("the command line", () => {
  test("help, version, and the page of options as it stands in the repository", async () => {
    const [help, version, docs] = await Promise.all([
      parlance(["--help"]),
      parlance(["--version"]),
      parlance(["docs", "--check"]),
    ]);
    expect([help.code, help.out]).toEqual([
      0,
      expect.stringContaining("--max-frame-bytes (MAX_FRAME_BYTES)"),
    ]);
    expect([version.code, version.out]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+\n$/)]);
    expect(docs).toEqual({ code: 0, out: "", err: "" });
  });

  test("all that is wrong is said at once and without a stack; secrets are not", async () => {
    writeFileSync(join(directory, ".env"), "LOG_LEVEL=shout\nJWT_SECRET=canary-in-dotenv\n");
    const { code, out, err } = await parlance(["--port", "x", "--nonsense", "yes", "--ttl=1h"], {
      MAX_PARTICIPANTS: "1",
    });
    rmSync(join(directory, ".env"));
    expect([code, out]).toEqual([1, ""]);
    for (const name of [
      "LOG_LEVEL (in .env)",
      "JWT_SECRET (in .env)",
      "--port",
      "--nonsense",
      "--ttl",
      "MAX_PARTICIPANTS",
    ]) {
      expect(err).toContain(`  ${name}: `);
    }
    expect(err).not.toMatch(/canary|\n +at /);
  });

  test("the environment beats .env, and flags beat both", async () => {
    writeFileSync(join(directory, ".env"), "PORT=a\nSWEEP_SECONDS=a\nDRAIN_SECONDS=a\n");
    const { err } = await parlance(["--port=b"], { PORT: "c", SWEEP_SECONDS: "d" });
    rmSync(join(directory, ".env"));
    expect(err.match(/ {2}.*(?=: expected)/g)).toEqual([
      "  --port",
      "  SWEEP_SECONDS",
      "  DRAIN_SECONDS (in .env)",
    ]);
  });

  test.each([
    [["dance"], "parlance dance: no such command"],
    [["docs", "--chek"], "--chek: no such flag"],
    [["token"], "expected a user id"],
    [["token", "alice", "bob"], "bob: one word too many"],
    [["token", "alice", "--ttl", "1y"], "--ttl: expected a time such as"],
    [["token", "alice", "--data-dir", "nowhere"], 'no server has been started on DATA_DIR "nowhere"'],
    [["token", "alice", "--jwt-secret", SECRET], "in jwt mode tokens come from"],
    [["--host", "0.0.0.0"], "may act as any user"],
    [["--web-app-dir", "nowhere"], "WEB_APP_DIR: nowhere holds no index.html"],
  ])("%j is refused", async (argv, words) => {
    const { code, out, err } = await parlance(argv);
    expect([code, out]).toEqual([1, ""]);
    expect(err).toContain(words);
  });

  test("a token is one that the server on the same data directory takes", async () => {
    const secret = await readOrMakeOpenSecret(join(directory, "data"));
    const { code, out } = await parlance(["token", "2", "--name", "Bob", "--ttl", "90s"]);
    expect(code).toBe(0);
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const keys = { secret };
    const identity = createIdentity({ mode: "open", keys, issuer: null, audience: null, now: Date.now, log });
    const caller = await identity.verifyToken(out.trim());
    expect(caller).toMatchObject({ userId: "2", name: "Bob", rights: "user" });
    expect(caller.expiresAt! - Date.now()).toBeGreaterThan(80_000);
    expect(caller.expiresAt! - Date.now()).toBeLessThanOrEqual(90_000);
  });
});

describe("a running process", () => {
  async function listen(): Promise<{
    child: ChildProcess;
    url: string;
    ended: Promise<number | null>;
    out: () => string;
  }> {
    const child = spawn(process.execPath, [LISTEN, "--port=0", "--drain-seconds=5"], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    children.add(child);
    const ended = once(child, "exit").then(([code]) => code as number | null);
    const out = collect(child.stdout!);
    await expect.poll(out, { timeout: 20_000 }).toMatch(/^http:.*\n/);
    return { child, url: out().trim(), ended, out };
  }

  test.each(["SIGTERM", "SIGHUP", "SIGINT"] as const)(
    "asked by %s ends what runs, then itself with 0",
    async (signal) => {
      const { child, url, ended } = await listen();
      const slow = fetch(`${url}/slow`).then((response) => response.json());
      await new Promise((resolve) => setTimeout(resolve, 100));
      child.kill(signal);
      if (signal === "SIGTERM") {
        child.kill(signal);
        await new Promise((resolve) => setTimeout(resolve, 50));
        child.kill(signal);
      }
      expect(await slow).toEqual({ slow: true });
      expect(await ended).toBe(0);
    },
  );

  test("interrupted twice ends at once with 1", async () => {
    const { child, url, ended } = await listen();
    const slow = fetch(`${url}/slow`).then(
      () => "answered",
      () => "cut",
    );
    await new Promise((resolve) => setTimeout(resolve, 100));
    child.kill("SIGINT");
    await new Promise((resolve) => setTimeout(resolve, 50));
    child.kill("SIGINT");
    expect(await ended).toBe(1);
    expect(await slow).toBe("cut");
  });

  test("with an error nobody caught says so in one line, drains, and ends with 1", async () => {
    const { url, ended, out } = await listen();
    expect((await fetch(`${url}/fault`)).status).toBe(200);
    expect(await ended).toBe(1);
    const lines = out()
      .split("\n")
      .filter((line) => line.includes('"level":"error"'));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("left behind");
  });

  test("lives on when nobody reads its output or feeds its input any more", async () => {
    const { child, url, ended } = await listen();
    child.stdin!.end();
    child.stdout!.destroy();
    for (let i = 0; i < 20; i++) expect((await fetch(`${url}/log`)).status).toBe(200);
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
  });
});

test("the banner says the mode, the place of the data, and three lines to try", () => {
  const facts = {
    version: "1.2.3",
    url: "http://127.0.0.1:8080",
    store: "PostgreSQL in ./data",
    durability: "D2",
  };
  const text = banner({ ...facts, mode: "open" });
  expect(text).toContain("OPEN");
  expect(text).toContain("PostgreSQL in ./data");
  expect(text.match(/^ {2}(curl|npx)/gm)).toHaveLength(3);
  const [, script] = /npx node -e '(.*)'$/m.exec(text)!;
  expect(() => new Script(script!)).not.toThrow();
  expect(banner({ ...facts, mode: "jwt" })).not.toContain("OPEN");
});

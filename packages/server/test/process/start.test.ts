import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ServerProcess, scratchDirectory, spawnMain, startServer } from "../support/server.ts";
import { connect, openConversation, say } from "../support/socket.ts";

let dataDir: string;
let server: ServerProcess;
const CANARY = "c4n4ry-said";

beforeAll(async () => {
  dataDir = scratchDirectory();
  server = await startServer({ DATA_DIR: dataDir });
});
afterAll(async () => {
  await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

async function run(argv: readonly string[], env: Record<string, string> = {}) {
  const child = spawnMain(argv, { DATA_DIR: dataDir, ...env });
  let out = "";
  let error = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    out += chunk.toString("utf8");
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    error += chunk.toString("utf8");
  });
  const [code] = await once(child, "close");
  return { code, out, error };
}

describe("what keeps a server from starting is said in a line", () => {
  test("another server on the same data directory", async () => {
    const second = await run([], { PORT: "0" });
    expect(second.code).toBe(1);
    expect(second.error).toContain(dataDir);
    expect(second.error).not.toMatch(/\bat .*\.ts:/);
    expect((await server.request("/ready")).status).toBe(200);
  });

  test("a port that another program has; the data directory is free again afterwards", async () => {
    const taken = createServer();
    await once(taken.listen(0, "127.0.0.1"), "listening");
    const { port } = taken.address() as { port: number };
    const own = scratchDirectory();
    const refused = await run([], { PORT: String(port), DATA_DIR: own });
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.error).toContain(`PORT: 127.0.0.1:${port} cannot be listened on (another program has it)`);
    taken.close();
    const next = await startServer({ DATA_DIR: own });
    expect(await next.stop()).toMatchObject({ code: 0 });
    rmSync(own, { recursive: true, force: true });
  });

  test("all wrong options at once, by name, without their secrets", async () => {
    const { code, error } = await run(["--heartbeat-seconds", "soon"], {
      PORT: "99999",
      SWEEP_SECONDS: "0",
      JWT_SECRET: "too-short-canary",
      MAX_MESSAGE_LENGTH: "many",
      DATABASE_URL: "mysql://u:pw-canary@h/d",
    });
    expect(code).toBe(1);
    for (const name of [
      "PORT",
      "SWEEP_SECONDS",
      "JWT_SECRET",
      "MAX_MESSAGE_LENGTH",
      "DATABASE_URL",
      "heartbeat-seconds",
    ]) {
      expect(error).toContain(name);
    }
    expect(error).not.toContain("canary");
  });

  test("a database that cannot be reached", async () => {
    const { code, error } = await run([], {
      PORT: "0",
      DATABASE_URL: "postgres://u:pw-canary@127.0.0.1:1/d",
    });
    expect(code).toBe(1);
    expect(error).toContain("DATABASE_URL: PostgreSQL cannot be reached (ECONNREFUSED)");
    expect(error).not.toContain("canary");
  });

  test("open mode on an address that others reach", async () => {
    const { code, error } = await run([], { PORT: "0", HOST: "0.0.0.0" });
    expect(code).toBe(1);
    expect(error).toContain("HOST");
  });
});

describe("a server that runs", () => {
  test("tokens from the command line and from the developers' route speak for their user", async () => {
    const { code, out } = await run(["token", "2", "--name", "Bob"]);
    expect(code).toBe(0);
    const made = await server.request("/api/dev/token", { body: { user: "2", name: "Bob" } });
    expect(made.status).toBe(200);
    for (const token of [out.trim(), made.body.token]) {
      const bob = await connect(server, { token });
      expect(bob.ready.user_id).toBe("2");
      const conversation = await openConversation(bob, ["3"]);
      const cid = await connect(server, { user: "3" });
      const sent = await say(bob, conversation, CANARY);
      const got = await cid.until((frame) => frame.payload.id === sent.id, "message");
      expect(got.payload.sender_name).toBe("Bob");
      await Promise.all([bob, cid].map((client) => client.close()));
    }
    for (const body of [{}, { user: "" }, { user: 2 }, { user: "a\nb" }, { user: "a", name: "" }]) {
      expect((await server.request("/api/dev/token", { body })).status).toBe(400);
    }
    const refused = await connect(server, { token: `${out.trim()}x`, early: true });
    expect((await refused.closed).code).toBe(4001);
  });

  test("health, readiness and metrics", async () => {
    const health = await server.request("/health");
    expect(health).toMatchObject({ status: 200, body: { status: "healthy", success: true } });
    expect(health.headers.get("cache-control")).toContain("no-store");
    const ready = await server.request("/ready");
    expect(ready).toMatchObject({ status: 200, body: { status: "ready", store: "ok", durability: "D2" } });
    const metrics = await server.request("/metrics");
    expect(metrics.status).toBe(200);
    expect(metrics.body).toContain("process_resident_memory_bytes");
    expect((await server.request("/metrics", { headers: { "x-forwarded-for": "1.2.3.4" } })).status).toBe(
      403,
    );
  });

  test("the banner's three lines run as they are printed", async () => {
    const lines = server
      .output()
      .split("\n")
      .map((line) => line.trim());
    const trials = lines
      .slice(lines.indexOf("What to try next:") + 1)
      .filter((line) => line !== "")
      .slice(0, 3);
    expect(trials).toHaveLength(3);
    const shell = promisify(execFile);
    // `npx node` is this very Node where the package's own is not at hand.
    const node = dirname(process.execPath);
    const answers = [];
    for (const line of trials) {
      const { stdout } = await shell("sh", ["-c", line.replace("npx node", "node")], {
        env: { PATH: `${node}:${process.env.PATH}` },
        timeout: 15_000,
      });
      answers.push(stdout);
    }
    expect(answers[0]).toMatch(/^\{"conversation_id":"conv_/);
    expect(answers[1]).toContain('"event":"message.ack"');
    expect(JSON.parse(answers[2] as string).chats[0]).toMatchObject({
      participant: "alice",
      last_message: "Hello, Bob",
    });
  });

  test("neither the server's output nor PostgreSQL's log holds content or tokens, refused ones included", async () => {
    const token = (await server.request("/api/dev/token", { body: { user: "leak" } })).body.token as string;
    const leak = await connect(server, { token });
    const conversation = await openConversation(leak, ["2"], `${CANARY} name`);
    await say(leak, conversation, `${CANARY} text`, { metadata: { note: CANARY } });
    for (const content of [`${CANARY}\u0000`, `${CANARY}\ud800`, CANARY.repeat(2_000)]) {
      expect((await leak.ask("message.send", { conversation_id: conversation, content })).event).toBe(
        "error",
      );
    }
    leak.socket.send(`{"event":"${CANARY}"`);
    await leak.ask("message.edit", { conversation_id: conversation, message_id: CANARY, content: CANARY });
    await server.request(`/api/v1/chat/${CANARY}?token=${token}`);
    await server.request(`/api/v1/chat/${conversation}?cursor=${CANARY}`);
    await server.request("/api/v1/chats", {
      body: `{"participants":["${CANARY}`,
      headers: { authorization: `Bearer ${token}` },
    });
    await leak.close();
    const log = readFileSync(join(dataDir, "postgres.log"), "utf8");
    for (const text of [server.output(), log]) {
      expect(text).not.toContain(CANARY);
      expect(text).not.toContain(token.split(".")[2] as string);
    }
    expect(server.output()).not.toMatch(/\bat .*\.ts:/);
  });

  test("a directory name with spaces, quotes and letters of other alphabets", async () => {
    const own = join(scratchDirectory(), "d'a ta ü");
    mkdirSync(own);
    const next = await startServer({ DATA_DIR: own });
    const ann = await connect(next, { user: "ann" });
    await say(ann, await openConversation(ann, ["bob"]), "hello");
    expect(await next.stop()).toMatchObject({ code: 0 });
    rmSync(dirname(own), { recursive: true, force: true });
  });
});

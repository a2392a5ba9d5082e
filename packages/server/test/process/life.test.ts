import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkHistory, readHistory } from "../support/history.ts";
import { type Load, startLoad } from "../support/load.ts";
import {
  isRunning,
  postgresPid,
  type ServerProcess,
  scratchDirectory,
  startServer,
} from "../support/server.ts";
import { connect, type TestClient } from "../support/socket.ts";

let dataDir: string;
const servers: ServerProcess[] = [];

beforeEach(() => {
  dataDir = scratchDirectory();
});
afterEach(async () => {
  const pids = servers.length > 0 ? postgresPids() : [];
  await Promise.all(servers.splice(0).map((server) => server.stop("SIGKILL")));
  await until(() => !pids.some(isRunning), "PostgreSQL to be gone");
  rmSync(dataDir, { recursive: true, force: true });
});

async function start(env: Record<string, string> = {}): Promise<ServerProcess> {
  const server = await startServer({ DATA_DIR: dataDir, ...env });
  servers.push(server);
  return server;
}

function postgresPids(): number[] {
  try {
    return [postgresPid(dataDir)];
  } catch {
    return [];
  }
}

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const end = performance.now() + 20_000; performance.now() < end; ) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`never: ${what}`);
}

async function judge(server: ServerProcess, loads: readonly Load[]): Promise<void> {
  const conversations = [...new Set(loads.flatMap((load) => load.conversations))];
  const history = (await Promise.all(conversations.map((id) => readHistory(server, id)))).flat();
  const sends = loads.flatMap((load) => load.sends);
  expect(checkHistory({ sends, history, firstSeq: 2 })).toEqual([]);
}

describe("asked to stop", () => {
  test("SIGTERM under load: 0 within 10 s, clients told 1012, every ack is in history after a restart", async () => {
    const server = await start();
    const postgres = postgresPid(dataDir);
    const load = await startLoad(server, 12);
    await load.untilAcked(500);
    const asked = performance.now();
    expect(await server.stop("SIGTERM")).toEqual({ code: 0, signal: null });
    expect(performance.now() - asked).toBeLessThan(10_000);
    expect(isRunning(postgres)).toBe(false);
    await load.stop();
    expect(load.closes.map(({ code }) => code)).toEqual(Array(12).fill(1012));
    // What was taken before the end was also answered.
    expect(load.sends.filter((send) => send.outcome === "unknown").length).toBeLessThan(200);
    await judge(await start(), [load]);
  });

  test("SIGTERM three times is once", async () => {
    const server = await start();
    const load = await startLoad(server, 4);
    await load.untilAcked(50);
    for (let i = 0; i < 3; i++) server.signal("SIGTERM");
    expect(await server.ended).toEqual({ code: 0, signal: null });
    await load.stop();
  });

  test("SIGINT twice ends at once and leaves no PostgreSQL behind", async () => {
    const server = await start();
    const postgres = postgresPid(dataDir);
    const load = await startLoad(server, 4);
    await load.untilAcked(50);
    server.signal("SIGINT");
    server.signal("SIGINT");
    await server.ended;
    await until(() => !isRunning(postgres), "PostgreSQL to be gone");
    await load.stop();
    await judge(await start(), [load]);
  });
});

describe("ended by force", () => {
  test("kill -9 of the server under load, five times: nothing acknowledged is lost or doubled, no gaps", async () => {
    const loads: Load[] = [];
    for (let round = 0; round < 5; round++) {
      const server = await start();
      if (round > 0) await judge(server, loads);
      const load = await startLoad(server, 8, loads[0]?.conversations);
      loads.push(load);
      await load.untilAcked(100 + Math.floor(Math.random() * 400));
      await server.stop("SIGKILL");
      await load.stop();
    }
    const server = await start();
    await judge(server, loads);
    // The same again, as clients do that heard nothing: each is stored once, with the first result.
    const sends = loads.flatMap((load) => load.sends);
    const open = sends.filter((send) => send.outcome === "unknown");
    const again = [...open, ...sends.filter((send) => send.outcome === "acked").slice(-50)];
    const senders = new Map<string, TestClient>(
      await Promise.all(
        Array.from(
          { length: 8 },
          async (_, i) => [`${i}`, await connect(server, { user: `load-${i}` })] as const,
        ),
      ),
    );
    for (const send of again) {
      const { event, payload } = await senders.get(send.key.split("-")[1] as string)!.ask("message.send", {
        conversation_id: send.conversation,
        message_id: send.key,
        content: `message ${send.key}`,
      });
      expect(event).toBe("message.ack");
      if (send.outcome === "acked")
        expect(payload).toMatchObject({ id: send.id, seq: send.seq, duplicate: true });
      Object.assign(send, { outcome: "acked", id: payload.id, seq: payload.seq });
    }
    await judge(server, loads);
  }, 60_000);

  test("kill -9 of PostgreSQL under load: it comes back, nothing acknowledged is lost, readiness says so", async () => {
    const server = await start();
    const load = await startLoad(server, 8);
    await load.untilAcked(200);
    for (let round = 0; round < 2; round++) {
      const postgres = postgresPid(dataDir);
      const group = processGroupOf(postgres);
      // Stopped first: killed at once it may be back before readiness is asked.
      for (const pid of group) process.kill(pid, "SIGSTOP");
      try {
        expect((await server.request("/ready")).status).toBe(503);
      } finally {
        for (const pid of group) process.kill(pid, "SIGCONT");
      }
      process.kill(postgres, "SIGKILL");
      expect((await server.request("/health")).status).toBe(200);
      await load.untilAcked(200);
      await until(async () => (await server.request("/ready")).status === 200, "readiness");
    }
    await load.stop();
    expect(load.closes.filter(({ code }) => code !== 1005)).toEqual([]);
    await judge(server, [load]);
  }, 60_000);

  test("while PostgreSQL is down every request is answered unavailable, and nothing is half done", async () => {
    const server = await start();
    const ann = await connect(server, { user: "ann" });
    const { payload } = await ann.ask("conversation.open", { participants: ["bob"] });
    const conversation = payload.conversation_id;
    // Stopped, not ended: nothing answers, and nothing starts it again.
    const postgres = postgresPid(dataDir);
    const group = processGroupOf(postgres);
    for (const pid of group) process.kill(pid, "SIGSTOP");
    try {
      const ready = await server.request("/ready");
      expect([ready.status, ready.body.status]).toEqual([503, "not ready"]);
    } finally {
      for (const pid of group) process.kill(pid, "SIGCONT");
    }
    process.kill(postgres, "SIGKILL");
    const answers = await Promise.all([
      ann.ask("message.send", { conversation_id: conversation, content: "x", message_id: "x" }),
      ann.ask("message.edit", { conversation_id: conversation, message_id: 1, content: "x" }),
      ann.ask("read", { conversation_id: conversation }),
      ann.ask("conversation.open", { participants: ["new-one"] }),
    ]);
    for (const { event, payload: answer } of answers) {
      if (event === "error") expect(["unavailable", "not_found"]).toContain(answer.code);
    }
    const page = await server.request(`/api/v1/chat/${conversation}`);
    expect([200, 503]).toContain(page.status);
    await until(async () => (await server.request("/ready")).status === 200, "readiness");
    expect(
      (await ann.ask("message.send", { conversation_id: conversation, content: "x", message_id: "x" })).event,
    ).toBe("message.ack");
    expect((await readHistory(server, conversation)).map((message) => message.key)).toEqual(["x"]);
  });
});

/** It and its children. */
function processGroupOf(postmaster: number): number[] {
  const children = execFileSync("ps", ["-o", "pid=", "--ppid", String(postmaster)], { encoding: "utf8" });
  return [postmaster, ...children.trim().split(/\s+/).filter(Boolean).map(Number)];
}

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { open } from "../socketio/client.ts";
import { openLive } from "../stomp/support/live-client.ts";
import { readHistory } from "../support/history.ts";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { connect } from "../support/socket.ts";
import { listen, openChat } from "./stream-client.ts";

let scene: Scene;
beforeAll(async () => {
  scene = await openScene("capricious");
});
afterAll(() => scene.close());

const QUICK = { CAPRICIOUS_LATENCY_MS: "0", CAPRICIOUS_TIMEOUT_MS: "0" };
/** `lost`: no answer came. */
type Outcome = 200 | 503 | 504 | "lost";

async function send(server: ServerProcess, chat: number, key: string): Promise<Outcome> {
  const answer = await server
    .request(`/chats/${chat}/messages`, {
      headers: { "x-user-id": "ann", "idempotency-key": key },
      body: { text: `text of ${key}` },
    })
    .catch(() => null);
  if (answer === null) return "lost";
  if (answer.status === 503) {
    expect(answer.body).toEqual({ error: "unavailable" });
    expect(answer.headers.get("retry-after")).toBe("1");
  }
  if (answer.status === 504) expect(answer.body).toEqual({ error: "timeout" });
  return answer.status as Outcome;
}

/** Sends so many, one after another, and says how each went. */
async function sendMany(server: ServerProcess, chat: number, many: number, run: string): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let n = 0; n < many; n++) outcomes.push(await send(server, chat, `${run}-${n}`));
  return outcomes;
}

const MANY = 2_000;

describe("capricious mode", () => {
  test("fails as often as it says; health, readiness, preflights and other dialects never", async () => {
    const server = await scene.start({
      ...QUICK,
      CAPRICIOUS: "on",
      CAPRICIOUS_SEED: "7",
      CAPRICIOUS_AFTER_PERCENT: "10",
    });
    const outcomes: Outcome[] = [];
    const ask = async (): Promise<void> => {
      for (let n = 0; n < MANY / 20; n++) {
        const answer = await server.request("/chats", { headers: { "x-user-id": "ann" } }).catch(() => null);
        outcomes.push((answer?.status ?? "lost") as Outcome);
      }
    };
    await Promise.all(Array.from({ length: 20 }, ask));
    for (const [outcome, share] of [
      [200, 0.8],
      [503, 0.05],
      [504, 0.05],
      ["lost", 0.1],
    ] as const) {
      const measured = outcomes.filter((one) => one === outcome).length / MANY;
      expect(Math.abs(measured - share), String(outcome)).toBeLessThan(
        5 * Math.sqrt((share * (1 - share)) / MANY),
      );
    }
    for (const path of ["/health", "/ready", "/api/v1/chats/ann"]) {
      const answers = await Promise.all(Array.from({ length: 60 }, () => server.request(path)));
      expect(new Set(answers.map(({ status }) => status)), path).toEqual(new Set([200]));
    }
    const preflight = { origin: "http://localhost:1", "access-control-request-method": "POST" };
    for (let n = 0; n < 60; n++) {
      const { status, headers } = await server.request("/chats", { method: "OPTIONS", headers: preflight });
      expect(status).toBe(204);
      expect(headers.get("access-control-allow-headers")).toContain("x-capricious");
    }
    await server.stop();
  }, 60_000);

  test("fails the same way for the same seed; what failed before was not stored, what was lost was", async () => {
    const calm = await scene.start({ SWEEP_SECONDS: "1" });
    const chat = await openChat(calm, ["ann", "bob"], "Capricious");
    const env = { ...QUICK, CAPRICIOUS: "on", CAPRICIOUS_SEED: "7", CAPRICIOUS_AFTER_PERCENT: "20" };
    const runs: Outcome[][] = [];
    for (const run of ["first", "second"]) {
      const server = await scene.start(env);
      runs.push(await sendMany(server, chat, 100, run));
      await server.stop();
    }
    const [outcomes = [], again] = runs;
    expect(again).toEqual(outcomes);
    expect(new Set(outcomes)).toEqual(new Set([200, 503, 504, "lost"]));
    const history = await readHistory(calm, String(chat));
    const stored = new Set(history.map(({ key }) => key));
    for (const [n, outcome] of outcomes.entries()) {
      expect(stored.has(`first-${n}`), `${outcome} of ${n}`).toBe(outcome === 200 || outcome === "lost");
    }
    // A repeat is the cure: none twice, each in the end.
    for (const [n, outcome] of outcomes.entries()) {
      if (outcome !== 200) expect(await send(calm, chat, `first-${n}`)).toBe(200);
    }
    const cured = (await readHistory(calm, String(chat))).filter(({ key }) => key.startsWith("first-"));
    expect(cured).toHaveLength(100);
    await calm.stop();
  }, 60_000);

  test("each event comes one, two or three times, the same way for the same seed, and goes on exactly", async () => {
    const server = await scene.start({ ...QUICK, CAPRICIOUS_SEED: "11" });
    const chat = await openChat(server, ["ann", "bob"], "Repeats");
    const calm = await listen(server, { user: "bob" });
    const byQuery = await listen(server, { user: "bob", query: "stream=messages&capricious=on" });
    const byHeader = await listen(server, { user: "bob", headers: { "x-capricious": "on" } });
    expect(new Set(await sendMany(server, chat, 400, "repeats"))).toEqual(new Set([200]));
    await calm.until(() => calm.messages().length === 400, "all");
    await byQuery.until(() => new Set(byQuery.messages().map(({ id }) => id)).size === 400, "all");
    const times = new Map<number, number>();
    for (const { id } of byQuery.messages()) times.set(id, (times.get(id) ?? 0) + 1);
    const copies = [...times.values()];
    for (const [i, share] of [1 / 3, 4 / 9, 2 / 9].entries()) {
      const measured = copies.filter((many) => many === i + 1).length / 400;
      expect(Math.abs(measured - share), `${i + 1} times`).toBeLessThan(
        5 * Math.sqrt((share * (1 - share)) / 400),
      );
    }
    // In order, repeats together.
    const ids = byQuery.messages().map(({ id }) => id as number);
    expect(ids).toEqual(ids.toSorted((a, b) => a - b));
    // Who asked in another way hears the same.
    await byHeader.until(() => byHeader.messages().length === ids.length, "all");
    expect(byHeader.messages().map(({ id }) => id)).toEqual(ids);
    const rest = await listen(server, {
      user: "bob",
      lastEventId: byQuery.events()[99]?.id,
      query: "stream=messages&capricious=on",
    });
    const known = new Set(ids.slice(0, 100));
    await rest.until(
      () => new Set(rest.messages().map(({ id }) => id)).size === 400 - known.size,
      "the rest",
    );
    for (const { id } of rest.messages()) expect(known.has(id)).toBe(false);
    await server.stop();
  }, 60_000);

  test("asked for by one request in open mode; a token's mode does not listen to that", async () => {
    const server = await scene.start({
      ...QUICK,
      CAPRICIOUS_UNAVAILABLE_PERCENT: "100",
      CAPRICIOUS_TIMEOUT_PERCENT: "0",
    });
    expect((await server.request("/chats")).status).toBe(200);
    expect((await server.request("/chats?capricious=on")).status).toBe(503);
    expect((await server.request("/chats", { headers: { "x-capricious": "on" } })).status).toBe(503);
    expect((await server.request("/chats", { headers: { "x-capricious": "no" } })).status).toBe(200);
    await server.stop();
    const jwt = await scene.start({
      ...QUICK,
      CAPRICIOUS_UNAVAILABLE_PERCENT: "100",
      CAPRICIOUS_TIMEOUT_PERCENT: "0",
      JWT_SECRET: "q8Zr3vNw0LkTj5XbYd2HsGf7UcPe9MaV4oRi",
    });
    expect((await jwt.request("/chats?capricious=on")).status).toBe(401);
    await jwt.stop();
  });

  test("around the websocket dialect: refused before, stored and never acknowledged, told more than once", async () => {
    const server = await scene.start({
      CAPRICIOUS: "on",
      CAPRICIOUS_DIALECTS: "websocket",
      CAPRICIOUS_SEED: "3",
      CAPRICIOUS_LATENCY_MS: "1",
      CAPRICIOUS_TIMEOUT_MS: "10",
      CAPRICIOUS_UNAVAILABLE_PERCENT: "20",
      CAPRICIOUS_TIMEOUT_PERCENT: "10",
      CAPRICIOUS_AFTER_PERCENT: "20",
    });
    const calm = await scene.start({ SWEEP_SECONDS: "1" });
    const chat = await openChat(calm, ["wendy", "will"], "Sockets");
    const [wendy, will] = await Promise.all(["wendy", "will"].map((user) => connect(server, { user })));
    const acked = new Set<string>();
    const refused = new Set<string>();
    for (let n = 0; n < 90; n++) {
      wendy?.send("message.send", { conversation_id: chat, message_id: `w${n}`, content: "hello" });
    }
    const settled = () => {
      for (const { message_id } of wendy?.all("message.ack") ?? []) acked.add(message_id);
      for (const { message_id, code } of wendy?.all("error") ?? [])
        if (code === "unavailable") refused.add(message_id);
      return acked.size + refused.size;
    };
    await expect.poll(settled, { timeout: 15_000, interval: 500 }).toBeGreaterThan(60);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    settled();
    const { body } = await calm.request(`/chats/${chat}/messages`, { headers: { "x-user-id": "will" } });
    const stored = new Set((body as { idempotency_key: string }[]).map((message) => message.idempotency_key));
    for (const key of acked) expect(stored.has(key), key).toBe(true);
    for (const key of refused) expect(stored.has(key), key).toBe(false);
    const silent = Array.from({ length: 90 }, (_, n) => `w${n}`).filter(
      (key) => !acked.has(key) && !refused.has(key),
    );
    expect(silent.length).toBeGreaterThan(5);
    for (const key of silent) expect(stored.has(key), key).toBe(true);
    const heard = will?.all("message.receive").map(({ message_id }) => message_id as string) ?? [];
    expect(new Set(heard)).toEqual(stored);
    expect(heard.length).toBeGreaterThan(stored.size * 1.4);
    await Promise.all([wendy?.close(), will?.close()]);
  }, 60_000);

  test("a stomp subscription that goes on from a position hears its events so, what it missed and what is live", async () => {
    const server = await scene.start({
      ...QUICK,
      CAPRICIOUS: "on",
      CAPRICIOUS_DIALECTS: "stomp",
      CAPRICIOUS_SEED: "5",
      CAPRICIOUS_UNAVAILABLE_PERCENT: "0",
      CAPRICIOUS_TIMEOUT_PERCENT: "0",
    });
    const chat = await openChat(server, ["ann", "sue"], "Stomp");
    using before = await openLive(server, "sue");
    const since = before.connected.get("position") as string;
    const say = async (from: number) => {
      for (let i = from; i < from + 20; i++) await send(server, chat, `n${i}`);
    };
    await say(0);
    using sue = await openLive(server, "sue");
    await sue.subscribe("messages", { since });
    const missed = sue.told("messages").map(({ body }) => body.content);
    expect(new Set(missed).size).toBe(20);
    expect(missed.length).toBeGreaterThan(25);
    await say(20);
    await sue.until("messages", ({ body }) => body.content === "text of n39");
    const heard = sue.told("messages").map(({ body }) => body.content);
    expect([...new Set(heard)]).toEqual(Array.from({ length: 40 }, (_, i) => `text of n${i}`));
    expect(heard.length - missed.length).toBeGreaterThan(25);
    await server.stop();
  });

  test("an answer that is lost holds nothing up: neither the same connection nor what is said of a lost message", async () => {
    const server = await scene.start({
      ...QUICK,
      CAPRICIOUS: "on",
      CAPRICIOUS_DIALECTS: "websocket,socketio",
      CAPRICIOUS_UNAVAILABLE_PERCENT: "0",
      CAPRICIOUS_TIMEOUT_PERCENT: "0",
      CAPRICIOUS_AFTER_PERCENT: "100",
      CAPRICIOUS_REPEATS: "off",
    });
    const calm = await scene.start({ SWEEP_SECONDS: "1" });
    const chat = await openChat(calm, ["wanda", "wim"], "Lost answers");
    const mine = async () =>
      (await server.request(`/chats/${chat}/messages`, { headers: { "x-user-id": "wanda" } })).body;

    const wanda = await connect(server, { user: "wanda" });
    const about = { conversation_id: chat, message_id: "lost" };
    wanda.send("message.send", { ...about, content: "hello" });
    wanda.send("message.edit", { ...about, content: "hello again" });
    wanda.send("read", { conversation_id: chat });
    expect(await wanda.ask("ping")).toMatchObject({ event: "pong" });
    expect(await mine()).toMatchObject([{ text: "hello again", idempotency_key: "lost" }]);
    for (const event of ["message.ack", "ok", "error"]) expect(wanda.all(event)).toEqual([]);
    await wanda.close();

    using wim = await open(server, "wim");
    wim.socket.emit("mark_as_read", { conversation_id: chat }, () => expect.unreachable());
    wim.socket.emit("send_message", { conversation_id: chat, content: "and me" }, () => expect.unreachable());
    expect(await wim.ask("join_conversation", chat)).toMatchObject({ success: true });
    await expect
      .poll(async () => (await mine()).map(({ text }: { text: string }) => text))
      .toContain("and me");
    expect(wim.all("error")).toEqual([]);
    expect(wim.all("message_error")).toEqual([]);

    const opening = { request_match_id: "lost", participant_ids: ["wanda", "wim"] };
    await expect(server.request("/messages", { body: opening })).rejects.toThrow("fetch failed");
    const { body } = await server.request("/messages/conversations/wim");
    expect(body.data.map((entry: { request_match_id: string }) => entry.request_match_id)).toContain("lost");
    expect(server.output()).not.toContain('"level":50');
    await Promise.all([server.stop(), calm.stop()]);
  }, 60_000);
});

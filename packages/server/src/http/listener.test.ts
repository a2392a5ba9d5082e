import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { openSocket, readAll, sendRaw, statusOf } from "./testing/raw-http.ts";
import { drainAll, type Running, SECRET, start } from "./testing/start-listener.ts";

let open: Running;
let jwt: Running;
beforeAll(async () => {
  open = await start({ OPEN_MODE_HOSTS: "phone.lan" });
  jwt = await start({ JWT_SECRET: SECRET, ALLOWED_ORIGINS: "https://app.example.com", READY: "no" });
});
afterAll(drainAll);

const get = (path: string, headers: Record<string, string> = {}) => fetch(`${open.url}${path}`, { headers });

describe("answers", () => {
  test("have the security headers, a request id and are never stored (HT12)", async () => {
    for (const path of ["/things?limit=2", "/nothing", "/health", "/things/%zz"]) {
      const { headers } = await get(path);
      expect(headers.get("x-content-type-options"), path).toBe("nosniff");
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("content-security-policy")).toBe("default-src 'none'; frame-ancestors 'none'");
      expect(headers.get("x-request-id")).toMatch(/^[0-9a-f]{8}-\w+$/);
    }
  });

  test("errors have the form of the scope whose prefix the path is under (HT14)", async () => {
    const missing = await get("/things/nowhere/at/all");
    expect(missing.status).toBe(404);
    expect(await missing.json()).toEqual({
      success: false,
      code: "not_found",
      message: "There is nothing at this path",
    });
    const outside = await get("/thingsx");
    expect(await outside.json()).toEqual({
      error: { code: "not_found", message: "There is nothing at this path" },
    });
    const foreign = await get("/things/fail/foreign");
    expect([foreign.status, await foreign.json()]).toEqual([
      403,
      { success: false, code: "not_participant", message: "Not yours" },
    ]);
    const busy = await get("/things/fail/busy");
    expect([busy.status, busy.headers.get("retry-after")]).toEqual([503, "3"]);
  });

  test("a fault of ours is logged once with the request id, and told without its inside (HT14)", async () => {
    const before = open.lines.length;
    const response = await get("/things/fail/oops");
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("canary");
    const id = response.headers.get("x-request-id")!;
    const errors = open.lines.slice(before).filter((line) => line.includes('"level":"error"'));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(id);
  });

  test("a wrong method is told the right ones; no header overrides it (HT9)", async () => {
    const response = await fetch(`${open.url}/things`, {
      method: "PUT",
      headers: { "x-http-method-override": "GET" },
    });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")?.split(", ").sort()).toEqual(["GET", "HEAD", "POST"]);
    expect(await response.json()).toMatchObject({ success: false });
    const traced = await sendRaw(
      open.url,
      "TRACE /things HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
    );
    expect(statusOf(traced)).toBe(405);
    expect(statusOf(await sendRaw(open.url, "BREW /things HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"))).toBe(400);
    expect((await get("/ws")).status).toBe(426);
  });
});

describe("shared routes", () => {
  test("health is what every contract reads, without a token", async () => {
    const response = await fetch(`${jwt.url}/health`);
    expect([response.status, await response.json()]).toMatchObject([
      200,
      {
        status: "healthy",
        success: true,
        data: { status: "healthy" },
        version: "1.2.3",
        process: "test",
        uptime: expect.any(Number),
      },
    ]);
  });

  test("ready says whether messages can be stored", async () => {
    const good = await get("/ready");
    expect([good.status, await good.json()]).toEqual([200, { status: "ready", store: "embedded" }]);
    expect((await fetch(`${jwt.url}/ready`)).status).toBe(503);
  });

  test("metrics are for this machine and for services (OP12)", async () => {
    const local = await fetch(`${jwt.url}/metrics`);
    expect([local.status, await local.text()]).toEqual([
      200,
      expect.stringContaining("process_cpu_seconds_total"),
    ]);
    const proxied = { "x-forwarded-for": "203.0.113.9" };
    expect((await fetch(`${jwt.url}/metrics`, { headers: proxied })).status).toBe(401);
    expect((await get("/metrics", { ...proxied, "x-user-id": "alice" })).status).toBe(403);
    const rebound = `GET /metrics HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`;
    expect(statusOf(await sendRaw(jwt.url, rebound))).toBe(401);
  });

  test("developers get a token in open mode only", async () => {
    const ask = (url: string, body: unknown) =>
      fetch(`${url}/api/dev/token`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
    const { token } = (await (await ask(open.url, { user: "2", name: "Bob" })).json()) as { token: string };
    const me = await get("/things/me", { authorization: `Bearer ${token}` });
    expect(await me.json()).toMatchObject({ userId: "2", name: "Bob", rights: "user" });
    expect((await ask(open.url, { user: "a\nb" })).status).toBe(400);
    expect((await ask(open.url, { user: 2 })).status).toBe(400);
    expect((await ask(jwt.url, { user: "2" })).status).toBe(404);
  });
});

test("no token, credential or text reaches the log (TK9, OP13)", async () => {
  const server = await start({ JWT_SECRET: SECRET });
  const canary = "canary-7f3a";
  for (const path of [
    `/things/me?token=${canary}`,
    `/things/me?access_token=${canary}`,
    `/things/fail/${canary}?token=${canary}`,
    `/nowhere/${canary}`,
  ]) {
    await fetch(`${server.url}${path}`, { headers: { authorization: `Bearer ${canary}`, cookie: canary } });
  }
  await fetch(`${server.url}/things`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ content: canary, count: canary }),
  });
  expect(server.lines.length).toBeGreaterThanOrEqual(5);
  const own = server.lines.filter((line) => !line.includes("canary_table"));
  expect(own.filter((line) => line.includes(canary))).toEqual([]);
});

describe("draining", () => {
  test("running requests end, later ones are the last of their connection, new connections find nobody", async () => {
    const server = await start({});
    const keptAlive = await openSocket(server.url);
    const request = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
    const answers = readAll(keptAlive);
    keptAlive.write(request("/things/slow"));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const drained = server.listener.drain(5000);
    keptAlive.write(request("/health"));
    const text = await answers;
    expect(text).toContain('{"slow":true}');
    expect(text).toMatch(/connection: close.*"healthy"/is);
    await drained;
    await expect(fetch(`${server.url}/health`)).rejects.toThrow();
  });

  test("what does not end by itself is cut in time", async () => {
    const server = await start({});
    const socket = new WebSocket(`${server.url.replace("http", "ws")}/ws`);
    socket.on("error", () => {});
    await new Promise((resolve) => socket.once("open", resolve));
    const half = await openSocket(server.url);
    half.write(
      "POST /things HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
    );
    const closed = new Promise((resolve) => socket.once("close", resolve));
    await server.listener.drain(200);
    await closed;
  });

  test("a port that is taken is said in plain words", async () => {
    const { port } = new URL(open.url);
    await expect(start({ PORT: port })).rejects.toThrow(
      `PORT: 127.0.0.1:${port} cannot be listened on (another program`,
    );
  });
});

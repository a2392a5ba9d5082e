import { Refusal } from "@parlance/protocol/errors.ts";
import { Registry } from "prom-client";
import { Type } from "typebox";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { type Config, loadConfig } from "../config.ts";
import { createIdentity, type Identity } from "./identity.ts";
import { createListener, type Listener } from "./listener.ts";
import { createLog } from "./log.ts";
import { sharedRoutes } from "./shared-routes.ts";
import { countAnswers, openSocket, readAll, sendRaw, statusOf } from "./testing/raw-http.ts";

const SECRET = "q8Zr3vNw0LkTj5XbYd2HsGf7UcPe9MaV4oRi";

interface Running {
  readonly url: string;
  readonly listener: Listener;
  readonly identity: Identity;
  readonly lines: string[];
}

const running: Running[] = [];

async function start(env: Record<string, string>): Promise<Running> {
  const config: Config = loadConfig({ PORT: "0", LOG_LEVEL: "debug", ...env }, []);
  const lines: string[] = [];
  const log = createLog(config, { write: (line) => lines.push(line) }, false);
  const identity = createIdentity({
    mode: config.mode,
    keys: { secret: config.jwtSecret ?? SECRET },
    issuer: null,
    audience: null,
    now: Date.now,
    log,
  });
  const listener = createListener(config, log);
  const ready = async () => ({ ok: env.READY !== "no", store: "embedded" });
  const metrics = new Registry();
  listener.addScope(sharedRoutes({ mode: config.mode, version: "1.2.3", identity, ready, metrics }));
  const Body = Type.Object({ content: Type.String(), count: Type.Optional(Type.Integer()) });
  listener.addScope({
    prefixes: ["/things", "/ws"],
    errorShape: ({ code, message }) => ({ success: false, code, message }),
    status: { not_participant: 403 },
    routes(app) {
      app.post("/things", { schema: { body: Body } }, async ({ body }) => ({ got: body }));
      app.get(
        "/things",
        { schema: { querystring: Type.Object({ limit: Type.Optional(Type.Integer()) }) } },
        async (r) => r.query,
      );
      app.delete(
        "/things/:id",
        { schema: { params: Type.Object({ id: Type.Integer() }) } },
        async (r) => r.params,
      );
      app.get("/things/slow", async () => {
        await new Promise((resolve) => setTimeout(resolve, 300));
        return { slow: true };
      });
      app.get("/things/fail/:how", async ({ params }) => {
        const { how } = params as { how: string };
        if (how === "foreign") throw new Refusal("not_participant", "Not yours");
        if (how === "busy") throw new Refusal("overloaded", "Too much at once", 2.4);
        throw new Error(`select secret from canary_table at /home/canary ${how}`);
      });
      app.get("/things/me", (r) => identity.identify({ headers: r.headers, query: r.query }));
    },
  });
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 1024 });
  listener.onUpgrade("/ws", ({ request, socket, head }) => {
    sockets.handleUpgrade(request, socket, head, (ws) => {
      ws.on("error", () => {});
      ws.on("message", (data) => ws.send(String(data)));
    });
  });
  listener.onUpgrade("/prefix/", ({ socket }) => void socket.end("HTTP/1.1 299 Mine\r\n\r\n"), "prefix");
  const server = { url: await listener.listen(), listener, identity, lines };
  running.push(server);
  return server;
}

let open: Running;
let jwt: Running;
beforeAll(async () => {
  open = await start({ OPEN_MODE_HOSTS: "phone.lan" });
  jwt = await start({ JWT_SECRET: SECRET, ALLOWED_ORIGINS: "https://app.example.com", READY: "no" });
});
afterAll(async () => {
  await Promise.all(running.map(({ listener }) => listener.drain(100)));
});

const get = (path: string, headers: Record<string, string> = {}) => fetch(`${open.url}${path}`, { headers });
const post = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
  fetch(`${open.url}/things`, {
    method: "POST",
    body,
    headers: { "content-type": "application/json", ...headers },
  });
const upgrade = (path: string, more = "", key = "dGhlIHNhbXBsZSBub25jZQ==", method = "GET"): string =>
  `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
  `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n${more}\r\n`;

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

describe("requests", () => {
  test.each([
    ["application/json", 200],
    ["application/json; charset=utf-8", 200],
    ["application/JSON;charset=UTF-8", 200],
    ["application/json; charset=utf-7", 415],
    ["application/json; boundary=x", 415],
    ["application/jsonx", 415],
    ["application/vnd.api+json", 415],
    ["text/plain", 415],
  ])("a body of type %s: %i (HT4)", async (type, status) => {
    const response = await post('{"content":"x"}', { "content-type": type });
    expect(response.status).toBe(status);
    if (status !== 200) expect(await response.json()).toMatchObject({ code: "unsupported_media_type" });
  });

  test.each(["application/json\ta", " application/json", "\tapplication/json", "application/json ;", ""])(
    "a body of the raw type %j is validated like any or refused (HT4)",
    async (type) => {
      const body = '{"content":7}';
      const request = `POST /things HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type:${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
      expect([400, 415]).toContain(statusOf(await sendRaw(open.url, request)));
    },
  );

  test("a body at the limit passes, one byte more does not; nor does a compressed one (HT5)", async () => {
    const filled = (bytes: number): string => `{"content":"${"x".repeat(bytes - 14)}"}`;
    expect((await post(filled(1_048_576))).status).toBe(200);
    const over = await post(filled(1_048_577));
    expect([over.status, await over.json()]).toMatchObject([413, { success: false, code: "too_large" }]);
    expect((await post('{"content":"x"}', { "content-encoding": "gzip" })).status).toBe(415);
  });

  test.each([
    ["nesting of 100,000", `{"content":"x","more":${"[".repeat(100_000)}${"]".repeat(100_000)}}`],
    ["a key twice", '{"content":"a","content":"b"}'],
    ["a key twice, once escaped", '{"content":"a","c\\u006fntent":"b"}'],
    ["__proto__", '{"content":"x","__proto__":{"polluted":1}}'],
    ["__proto__ escaped and deep", '{"content":"x","a":[{"\\u005f_proto__":{"polluted":1}}]}'],
    ["constructor.prototype", '{"content":"x","constructor":{"prototype":{"polluted":1}}}'],
    ["broken JSON", '{"content":"x"'],
    ["a list", '["content"]'],
    ["a number for text", '{"content":7}'],
    ["text for a number", '{"content":"x","count":"7"}'],
    ["a number beyond all", '{"content":"x","count":1e400}'],
    ["a byte order mark", '\ufeff{"content":"x"}'],
    ["nothing", ""],
  ])("a body with %s is refused (HT6, HT7)", async (_, body) => {
    const response = await post(body);
    expect([response.status, await response.json()]).toMatchObject([
      400,
      { success: false, code: "invalid" },
    ]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test("quotes, brackets and repeated values inside texts are only text", async () => {
    const body = { content: '{"a":1,"a":2}\\"[[[["', more: [{ a: "a" }, { a: "a" }], constructor: { a: 1 } };
    const response = await post(JSON.stringify(body));
    expect([response.status, await response.json()]).toEqual([200, { got: body }]);
  });

  test("a body that is not UTF-8 is refused, not repaired", async () => {
    expect((await post(Buffer.from('{"content":"\xff"}', "latin1"))).status).toBe(400);
  });

  test("a bad value in the query is refused by its name (HT7)", async () => {
    expect(await (await get("/things?limit=10")).json()).toEqual({ limit: 10 });
    for (const query of ["limit=1.5", "limit=x", "limit=1&limit=2", "limit="]) {
      const response = await get(`/things?${query}`);
      expect(response.status, query).toBe(400);
      expect(await response.json()).toMatchObject({ message: expect.stringContaining("query.limit") });
    }
  });

  test.each([
    "/things/%00",
    "/%2e%2e%2f%2e%2e%2fetc/passwd",
    "/things/%c0%ae",
    "/things/%zz",
    "//things",
    "/things/..",
  ])("the path %s leads nowhere (HT8)", async (path) => {
    const answer = await sendRaw(
      open.url,
      `DELETE ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`,
    );
    expect([400, 404, 405]).toContain(statusOf(answer));
  });
});

describe("broken HTTP", () => {
  const post = (headers: string, body = "0\r\n\r\n"): string =>
    `POST /things HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n${headers}\r\n\r\n${body}`;
  const smuggled = "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

  test.each([
    ["both lengths", post("Content-Length: 5\r\nTransfer-Encoding: chunked", `0\r\n\r\n${smuggled}`)],
    ["two lengths", post("Content-Length: 5\r\nContent-Length: 6", smuggled)],
    ["chunked misspelt", post("Transfer-Encoding: chunkedd", smuggled)],
    ["bare line feeds", "GET /health HTTP/1.1\nHost: 127.0.0.1\n\n"],
    ["no host", "GET /health HTTP/1.1\r\n\r\n"],
    ["no HTTP", "\x16\x03\x01\x02"],
  ])("%s: one 400, then the end (HT2)", async (_, request) => {
    const answer = await sendRaw(open.url, request);
    expect([statusOf(answer), countAnswers(answer)]).toEqual([400, 1]);
    expect(answer.toLowerCase()).toContain("connection: close");
  });

  test("too many or too long headers, too long a URL (HT3), also to open a socket", async () => {
    const headers = (count: number): string => "a: b\r\n".repeat(count);
    const plain = (url: string, more: string): string =>
      `GET ${url} HTTP/1.1\r\nHost: 127.0.0.1\r\n${more}\r\n`;
    expect(statusOf(await sendRaw(open.url, plain("/health", `Connection: close\r\n${headers(2000)}`)))).toBe(
      431,
    );
    expect(statusOf(await sendRaw(open.url, plain("/health", `x: ${"y".repeat(65_536)}\r\n`)))).toBe(431);
    expect(
      statusOf(await sendRaw(open.url, plain(`/health?${"x".repeat(13_000)}`, "Connection: close\r\n"))),
    ).toBe(414);
    expect([414, 431]).toContain(
      statusOf(await sendRaw(open.url, plain(`/health?${"x".repeat(100_000)}`, ""))),
    );
    expect(statusOf(await sendRaw(open.url, upgrade("/ws", headers(2000))))).toBe(431);
    expect(
      statusOf(
        await sendRaw(open.url, upgrade("/ws", `Sec-WebSocket-Protocol: a${" ".repeat(61_440)}x\r\n`)),
      ),
    ).toBe(431);
  });

  test("headers that never end are answered 408 in a little over ten seconds (HT1)", {
    timeout: 20_000,
  }, async () => {
    const socket = await openSocket(open.url);
    const started = performance.now();
    socket.write("GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n");
    const drip = setInterval(() => socket.write("x"), 2000);
    const answer = await readAll(socket, 15_000);
    clearInterval(drip);
    expect(statusOf(answer)).toBe(408);
    expect(performance.now() - started).toBeLessThan(13_000);
  });
});

describe("other origins", () => {
  const preflight = (server: Running, origin: string, path = "/things") =>
    fetch(`${server.url}${path}`, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
      },
    });

  test("listed ones get the headers, on preflights of every path and on errors", async () => {
    for (const path of ["/things", "/things/1", "/nowhere", "/api/dev/token"]) {
      const { status, headers } = await preflight(jwt, "https://app.example.com", path);
      expect(status, path).toBe(204);
      expect(headers.get("access-control-allow-origin")).toBe("https://app.example.com");
      expect(headers.get("access-control-allow-headers")).toContain("authorization");
      expect(headers.get("access-control-allow-credentials")).toBeNull();
      expect(headers.get("vary")).toContain("origin");
    }
    const refused = await fetch(`${jwt.url}/things/me`, { headers: { origin: "https://app.example.com" } });
    expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([
      401,
      "https://app.example.com",
    ]);
  });

  test.each([
    "https://evil.example",
    "null",
    "https://app.example.com.evil.com",
    "http://app.example.com",
    "http://localhost:3000",
  ])("%s gets none in jwt mode (HT10)", async (origin) => {
    expect((await preflight(jwt, origin)).headers.get("access-control-allow-origin")).toBeNull();
    const plain = await fetch(`${jwt.url}/health`, { headers: { origin } });
    expect(plain.headers.get("access-control-allow-origin")).toBeNull();
    expect(statusOf(await sendRaw(jwt.url, upgrade("/ws", `Origin: ${origin}\r\n`)))).toBe(403);
  });

  test.each(["http://localhost:5173", "http://127.0.0.1:3000", "https://[::1]", "http://phone.lan"])(
    "%s may use the open mode",
    async (origin) => {
      const { status, headers } = await preflight(open, origin);
      expect([status, headers.get("access-control-allow-origin")]).toEqual([204, origin]);
    },
  );

  test.each([
    "https://evil.example",
    "null",
    "http://localhost.evil.example",
    "http://127.0.0.1.evil.example",
    "http://10.0.0.1",
  ])("%s may not, by request or by socket", async (origin) => {
    expect((await preflight(open, origin)).status).toBe(403);
    expect((await post('{"content":"x"}', { origin })).status).toBe(403);
    expect(statusOf(await sendRaw(open.url, upgrade("/ws", `Origin: ${origin}\r\n`)))).toBe(403);
  });

  test.each([
    ["localhost:1234", 200],
    ["[::1]:8080", 200],
    ["phone.lan:99", 200],
    ["evil.example", 403],
    ["127.0.0.1.evil.example", 403],
    ["localhost@evil.example", 403],
    ["10.0.0.7:8080", 403],
    ["", 403],
  ])("the host %s in open mode: %i; forwarding headers change nothing (HT11)", async (host, status) => {
    const request = (first: string): string =>
      `${first} HTTP/1.1\r\nHost: ${host}\r\nX-Forwarded-Host: localhost\r\nX-Forwarded-For: 127.0.0.1\r\nConnection: close\r\n\r\n`;
    const answer = await sendRaw(open.url, request("GET /health"));
    expect(statusOf(answer)).toBe(status);
    if (status === 403)
      expect(statusOf(await sendRaw(open.url, upgrade("/ws").replace("127.0.0.1", host)))).toBe(403);
  });

  test("a page of the server's own may open a socket in jwt mode, whatever TLS is in front", async () => {
    const { host } = new URL(jwt.url);
    for (const scheme of ["http", "https"]) {
      const request = upgrade("/ws", `Origin: ${scheme}://${host}\r\n`).replace(
        "Host: 127.0.0.1",
        `Host: ${host}`,
      );
      expect(statusOf(await sendRaw(jwt.url, request, 300))).toBe(101);
    }
  });
});

describe("sockets", () => {
  test("a handler has its path, or all that start with it", async () => {
    const socket = new WebSocket(`${open.url.replace("http", "ws")}/ws?user_id=alice`);
    const echoed = new Promise((resolve) => socket.once("message", (data) => resolve(String(data))));
    await new Promise((resolve) => socket.once("open", resolve));
    socket.send("hello");
    expect(await echoed).toBe("hello");
    socket.close();
    expect(statusOf(await sendRaw(open.url, upgrade("/prefix/any/where")))).toBe(299);
  });

  test.each([
    ["another version", upgrade("/ws").replace("Version: 13", "Version: 7"), [400, 426]],
    ["no key", upgrade("/ws").replace(/Sec-WebSocket-Key.*\r\n/, ""), [400]],
    ["a bad key", upgrade("/ws", "", "short"), [400]],
    ["a bad subprotocol list", upgrade("/ws", `Sec-WebSocket-Protocol: ${"a,".repeat(100)}\r\n`), [400]],
    ["an unknown path", upgrade("/nowhere"), [404]],
    ["a longer path", upgrade("/ws/more"), [404]],
    ["a POST", upgrade("/ws", "Content-Length: 3\r\n", undefined, "POST"), [400, 405]],
    ["another protocol", upgrade("/ws").replace("Upgrade: websocket", "Upgrade: foo"), [400]],
  ])("with %s are refused at once (WS13, WS14)", async (_, request, statuses) => {
    const started = performance.now();
    const answer = await sendRaw(open.url, request);
    expect(statuses).toContain(statusOf(answer));
    expect(performance.now() - started).toBeLessThan(1500);
  });

  test("refusals have the form of their scope", async () => {
    expect(await sendRaw(open.url, upgrade("/ws/more"))).toContain('{"success":false,"code":"not_found"');
    expect(await sendRaw(open.url, upgrade("/nowhere"))).toContain('{"error":{"code":"not_found"');
  });

  test("an upgrade right behind a request does not mix with its answer (WS14)", async () => {
    const answer = await sendRaw(
      open.url,
      `GET /things/slow HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n${upgrade("/ws")}`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 .*\{"slow":true\}HTTP\/1\.1 400 /s);
  });

  test("an offer of HTTP/2 is no upgrade", async () => {
    const request =
      "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n";
    expect(statusOf(await sendRaw(open.url, request, 300))).toBe(200);
  });

  test("a thousand refused ones leave nothing open (WS14)", async () => {
    const connections = (): Promise<number> =>
      new Promise((resolve) => open.listener.app.server.getConnections((_, count) => resolve(count)));
    const before = await connections();
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 50 }, () => sendRaw(open.url, upgrade("/nowhere"))));
    }
    await expect.poll(connections, { timeout: 3000 }).toBeLessThanOrEqual(before);
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

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { countAnswers, openSocket, readAll, sendRaw, statusOf } from "./testing/raw-http.ts";
import { drainAll, type Running, start, upgrade } from "./testing/start-listener.ts";

let open: Running;
beforeAll(async () => {
  open = await start({ OPEN_MODE_HOSTS: "phone.lan" });
});
afterAll(drainAll);

const post = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
  fetch(`${open.url}/things`, {
    method: "POST",
    body,
    headers: { "content-type": "application/json", ...headers },
  });
const get = (path: string, headers: Record<string, string> = {}) => fetch(`${open.url}${path}`, { headers });

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
    "/things/%ff",
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
    ["no host, of a dialect's path", "GET /things HTTP/1.1\r\n\r\n"],
    ["no HTTP", "\x16\x03\x01\x02"],
  ])("%s: one 400, then the end (HT2)", async (_, request) => {
    const answer = await sendRaw(open.url, request);
    expect([statusOf(answer), countAnswers(answer)]).toEqual([400, 1]);
    expect(answer.toLowerCase()).toContain("connection: close");
    expect(answer).toMatch(/"message":"[^"]+"/);
  });

  test("CONNECT is answered; what else is expected than 100-continue is passed over", async () => {
    expect(
      await sendRaw(open.url, "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n"),
    ).toMatch(/^HTTP\/1\.1 405 .*The server is no proxy/s);
    const magic = "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: magic\r\nConnection: close\r\n\r\n";
    expect(statusOf(await sendRaw(open.url, magic))).toBe(200);
  });

  test("what is broken behind a good request is answered after it", async () => {
    const answer = await sendRaw(
      open.url,
      "GET /things/slow HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nnonsense\r\n\r\n",
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 .*\{"slow":true\}HTTP\/1\.1 400 /s);
  });

  test("a body whose chunks are broken has one answer", async () => {
    const answer = await sendRaw(open.url, post("Transfer-Encoding: chunked", "zz\r\nxx\r\n0\r\n\r\n"));
    expect([statusOf(answer), countAnswers(answer)]).toEqual([400, 1]);
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

describe("a route past the framework", () => {
  test("answers its methods with the common headers; others get 405, preflights their answer", async () => {
    const response = await get("/raw/x?y=1");
    expect([response.status, await response.json()]).toEqual([200, { raw: "/raw/x?y=1" }]);
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    const wrong = await fetch(`${open.url}/raw/x`, { method: "DELETE" });
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "GET, POST"]);
    const preflight = await fetch(`${open.url}/raw/x`, {
      method: "OPTIONS",
      headers: { origin: "http://localhost:3000", "access-control-request-method": "POST" },
    });
    expect([preflight.status, preflight.headers.get("access-control-allow-methods")]).toEqual([
      204,
      "GET, POST",
    ]);
  });

  test("is kept from foreign pages, foreign hosts and compressed bodies like any other", async () => {
    expect((await get("/raw/x", { origin: "https://evil.example" })).status).toBe(403);
    const foreign = "GET /raw/x HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    expect(statusOf(await sendRaw(open.url, foreign))).toBe(403);
    expect((await get("/raw/x", { "content-encoding": "gzip" })).status).toBe(415);
  });
});

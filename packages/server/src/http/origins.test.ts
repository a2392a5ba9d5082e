import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sendRaw, statusOf } from "./testing/raw-http.ts";
import { drainAll, type Running, SECRET, start, upgrade } from "./testing/start-listener.ts";

let open: Running;
let jwt: Running;
beforeAll(async () => {
  open = await start({ OPEN_MODE_HOSTS: "phone.lan" });
  jwt = await start({ JWT_SECRET: SECRET, ALLOWED_ORIGINS: "https://app.example.com", READY: "no" });
});
afterAll(drainAll);

const post = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
  fetch(`${open.url}/things`, {
    method: "POST",
    body,
    headers: { "content-type": "application/json", ...headers },
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

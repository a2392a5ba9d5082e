import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { brotliCompressSync, brotliDecompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { drainAll, type Running, SECRET, start } from "../http/testing/start-listener.ts";
import { webAppRoutes } from "./routes.ts";

const SCRIPT = "console.log('hello');\n".repeat(100);
const PAGE = '<meta name="parlance-mode" content="open"><meta name="parlance-origins" content="">';
const FILES: Readonly<Record<string, string | Buffer>> = {
  "index.html": PAGE,
  "dialects.html": "five",
  "favicon.svg": "<svg/>",
  "assets/main-abc.js": SCRIPT,
  "assets/main-abc.js.br": brotliCompressSync(SCRIPT),
  "icon.png": Buffer.from([0x89, 0x50, 0x4e, 0x47]),
  "notes.secret": "of no type that is served",
};

const directory = mkdtempSync(join(tmpdir(), "pl-web-"));
let open: Running;
let jwt: Running;
let bare: Running;
beforeAll(async () => {
  for (const [name, content] of Object.entries(FILES)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
  const origins = ["https://app.example.com"];
  open = await start({}, [webAppRoutes({ directory, mode: "open", allowedOrigins: origins })]);
  jwt = await start({ JWT_SECRET: SECRET }, [
    webAppRoutes({ directory, mode: "jwt", allowedOrigins: origins }),
  ]);
  const nowhere = join(directory, "nowhere");
  bare = await start({}, [webAppRoutes({ directory: nowhere, mode: "open", allowedOrigins: [] })]);
});
afterAll(async () => {
  await drainAll();
  rmSync(directory, { recursive: true });
});

const get = (path: string, headers: Record<string, string> = {}) =>
  fetch(open.url + path, { headers: { "accept-encoding": "identity", ...headers } });

describe("a built app", () => {
  test("is at its addresses, under a policy that allows nothing inline and nothing from elsewhere", async () => {
    for (const path of ["/", "/dialects"]) {
      const { status, headers } = await get(path);
      expect(status, path).toBe(200);
      expect(headers.get("content-type")).toBe("text/html; charset=utf-8");
      expect(headers.get("cache-control")).toBe("no-cache");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      const policy = headers.get("content-security-policy");
      expect(policy).toMatch(/default-src 'none'; script-src 'self'; .*frame-ancestors 'none'/);
      expect(policy).not.toMatch(/unsafe|\*|https?:/);
    }
  });

  test("is served with the icons and fonts that an app of one's own may have", async () => {
    const { status, headers } = await get("/icon.png");
    expect([status, headers.get("content-type")]).toEqual([200, "image/png"]);
  });

  test("knows the mode, and who may frame it and hand it a token: in jwt mode the allowed origins", async () => {
    expect(await (await get("/")).text()).toContain('name="parlance-origins" content=""');
    const response = await fetch(`${jwt.url}/`);
    const page = await response.text();
    expect(page).toContain('name="parlance-mode" content="jwt"');
    expect(page).toContain('name="parlance-origins" content="https://app.example.com"');
    expect(response.headers.get("content-security-policy")).toContain(
      "frame-ancestors https://app.example.com;",
    );
  });

  test("has files that are kept for good and sent compressed to whom takes it", async () => {
    const plain = await get("/assets/main-abc.js");
    expect(plain.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect(plain.headers.get("content-encoding")).toBeNull();
    expect(await plain.text()).toBe(SCRIPT);
    const head = await fetch(`${open.url}/assets/main-abc.js`, {
      method: "HEAD",
      headers: { "accept-encoding": "gzip, br" },
    });
    expect(head.headers.get("content-encoding")).toBe("br");
    expect(head.headers.get("content-length")).toBe(String(FILES["assets/main-abc.js.br"]?.length));
    const refused = await get("/assets/main-abc.js", { "accept-encoding": "br;q=0, gzip" });
    expect(await refused.text()).toBe(SCRIPT);
    expect(brotliDecompressSync(FILES["assets/main-abc.js.br"] as Buffer).toString()).toBe(SCRIPT);
  });

  test("is not sent again to whom has it", async () => {
    const etag = (await get("/favicon.svg")).headers.get("etag") ?? "";
    const again = await get("/favicon.svg", { "if-none-match": `"other", ${etag}` });
    expect([again.status, await again.text()]).toEqual([304, ""]);
    expect((await get("/favicon.svg", { "if-none-match": '"other"' })).status).toBe(200);
  });

  test("leaves every other path as it was", async () => {
    for (const path of [
      "/nothing",
      "/assets/other.js",
      "/assets/..%2f..%2fpackage.json",
      "/notes.secret",
      "/index.html",
      "/assets/",
    ]) {
      const response = await get(path);
      const body = (await response.json()) as { error: { code: string } };
      expect([response.status, body.error.code], path).toEqual([404, "not_found"]);
    }
    expect((await get("/things/none/at/all")).status).toBe(404);
    const posted = await fetch(`${open.url}/`, { method: "POST" });
    expect([posted.status, posted.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    expect(Object.keys(open.listener.describe("1").paths)).not.toContain("/");
  });
});

test("where the app is not built a page says so", async () => {
  const response = await fetch(`${bare.url}/`);
  expect(response.status).toBe(503);
  expect(await response.text()).toContain("npm ci");
});

import { createHmac, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Refusal } from "@parlance/protocol/errors.ts";
import { CompactEncrypt, exportJWK, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Credentials, createIdentity, type Identity, type IdentityOptions } from "./identity.ts";
import { readOpenSecret, readOrMakeOpenSecret } from "./open-secret.ts";

const SECRET = "q8Zr3vNw0LkTj5XbYd2HsGf7UcPe9MaV4oRi";
const NOW = Date.UTC(2026, 10, 21);
const SECONDS = NOW / 1000;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

function identityWith(given: Partial<IdentityOptions> = {}): Identity {
  return createIdentity({
    mode: "jwt",
    keys: { secret: SECRET },
    issuer: null,
    audience: null,
    now: () => NOW,
    log: quiet,
    ...given,
  });
}

const b64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** Signs whatever it is given, however wrong. */
function signed(claims: object, header: object = {}, secret: string | Buffer = SECRET): string {
  const body = `${b64({ alg: "HS256", typ: "JWT", ...header })}.${b64({ sub: "alice", exp: SECONDS + 60, ...claims })}`;
  return `${body}.${createHmac("sha256", secret).update(body).digest("base64url")}`;
}

const bearer = (token: string, more: Partial<Credentials> = {}): Credentials => ({
  query: {},
  ...more,
  headers: { authorization: `Bearer ${token}`, ...more.headers },
});

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    expect(error).toBeInstanceOf(Refusal);
    return (error as Refusal).code;
  }
  return "accepted";
}

describe("tokens signed with the secret", () => {
  const identity = identityWith();

  test("name the caller, wherever they stand", async () => {
    const token = signed({ name: "Alice" });
    const alice = { userId: "alice", name: "Alice", rights: "user", expiresAt: NOW + 60_000 };
    expect(await identity.identify(bearer(token))).toEqual(alice);
    expect(await identity.identify({ headers: { authorization: `bearer ${token}` }, query: {} })).toEqual(
      alice,
    );
    expect(await identity.identify({ headers: {}, query: { token } })).toEqual(alice);
    expect(await identity.identify({ headers: {}, query: { access_token: token } })).toEqual(alice);
    expect(await identity.verifyToken(token)).toEqual(alice);
  });

  test.each([
    ["TK1 alg none", `${b64({ alg: "none" })}.${b64({ sub: "alice", exp: SECONDS + 60 })}.`],
    ["TK1 alg nOnE with a signature", signed({}, { alg: "nOnE" })],
    ["TK1 empty signature", signed({}).replace(/[^.]+$/, "")],
    ["TK1 another secret", signed({}, {}, "x".repeat(40))],
    ["TK1 another algorithm of the same family", signed({}, { alg: "HS512" })],
    ["TK3 unknown critical header", signed({}, { crit: ["x"], x: 1 })],
    ["TK4 expired", signed({ exp: SECONDS - 6 })],
    ["TK4 not yet valid", signed({ nbf: SECONDS + 6 })],
    ["TK4 nbf as text", signed({ nbf: "0" })],
    ["TK4 exp as text", signed({ exp: String(SECONDS + 60) })],
    ["TK4 exp as fraction", signed({ exp: SECONDS + 60.5 })],
    ["TK4 exp beyond all dates", signed({ exp: 1e20 })],
    ["TK4 exp null", signed({ exp: null })],
    ["TK4 no exp", signed({ exp: undefined })],
    ["TK4 issued in the year 9999", signed({ iat: Date.UTC(9999, 0) / 1000 })],
    ["TK5 refresh token by header", signed({}, { typ: "refresh+jwt" })],
    ["TK5 refresh token by claim", signed({ typ: "Refresh" })],
    ["TK5 upload token", signed({ token_use: "upload" })],
    ["TK6 no sub", signed({ sub: undefined })],
    ["TK6 numeric sub", signed({ sub: 2 })],
    ["TK6 sub as list", signed({ sub: ["alice"] })],
    ["TK6 sub of 129 characters", signed({ sub: "a".repeat(129) })],
    ["TK6 control character in sub", signed({ sub: "a\nb" })],
    ["TK6 lone surrogate in sub", signed({ sub: "a\ud800" })],
    ["TK6 empty sub", signed({ sub: "" })],
    ["TK7 10 KiB", signed({ sub: "a".repeat(10_240) })],
    ["TK7 1 MiB", "a".repeat(1_048_576)],
    ["TK7 six parts", "a.b.c.d.e.f"],
    ["not a token", "null"],
    ["claims that are no object", `${b64({ alg: "HS256" })}.${b64([])}.AA`],
  ])("%s is refused", async (_, token) => {
    expect(await codeOf(identity.identify(bearer(token)))).toBe("unauthenticated");
    expect(await codeOf(identity.identify({ headers: {}, query: { token } }))).toBe("unauthenticated");
  });

  test("TK3 what else the header says is never used", async () => {
    for (const header of [
      { kid: "../../dev/null" },
      { kid: "' or 1=1 --" },
      { jku: "http://127.0.0.1:1/keys", x5u: "file:///etc/passwd" },
      { jwk: { kty: "oct", k: b64("mine") } },
    ]) {
      expect(await codeOf(identity.identify(bearer(signed({}, header))))).toBe("accepted");
      expect(await codeOf(identity.identify(bearer(signed({}, header, ""))))).toBe("unauthenticated");
    }
  });

  test("TK7 an encrypted token is refused unopened", async () => {
    const token = await new CompactEncrypt(Buffer.alloc(64))
      .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
      .encrypt(Buffer.alloc(32, 1));
    expect(await codeOf(identity.identify(bearer(token)))).toBe("unauthenticated");
  });

  test("TK4 the leeway is five seconds either way", async () => {
    expect(await codeOf(identity.identify(bearer(signed({ exp: SECONDS - 4 }))))).toBe("accepted");
    expect(await codeOf(identity.identify(bearer(signed({ nbf: SECONDS + 5, iat: SECONDS + 5 }))))).toBe(
      "accepted",
    );
  });

  test("TK5 another issuer or audience is refused", async () => {
    const strict = identityWith({ issuer: "https://id.example.org", audience: "parlance" });
    const good = { iss: "https://id.example.org", aud: ["other", "parlance"] };
    expect(await codeOf(strict.identify(bearer(signed(good))))).toBe("accepted");
    for (const claims of [
      { ...good, iss: "https://evil.example" },
      { ...good, aud: "other" },
      { iss: good.iss },
      {},
    ]) {
      expect(await codeOf(strict.identify(bearer(signed(claims))))).toBe("unauthenticated");
    }
  });

  test("who has the key is told what the token lacks, nobody else", async () => {
    const strict = identityWith({ issuer: "https://id.example.org" });
    const iss = "https://id.example.org";
    for (const [claims, words] of [
      [{ iss, exp: undefined }, "has no exp"],
      [{ iss, sub: undefined }, "has no sub"],
      [{ iss, nbf: SECONDS + 6 }, "is not valid yet"],
      [{ iss, nbf: "0" }, "nbf is not what"],
      [{ iss: "https://evil.example" }, "iss is not what"],
    ] as const) {
      await expect(strict.identify(bearer(signed(claims)))).rejects.toThrow(words);
      await expect(strict.identify(bearer(signed(claims, {}, "x".repeat(40))))).rejects.toThrow(
        "The token is not valid",
      );
    }
  });

  test("a token that was good before ends with its exp", async () => {
    let now = NOW;
    const aging = identityWith({ now: () => now });
    const token = signed({});
    expect(await codeOf(aging.identify(bearer(token)))).toBe("accepted");
    now += 66_000;
    expect(await codeOf(aging.identify(bearer(token)))).toBe("unauthenticated");
  });

  test("a name nobody can show is left out", async () => {
    for (const name of ["x".repeat(129), 7, "a\u0000b", ""]) {
      expect(await identity.identify(bearer(signed({ name })))).toMatchObject({
        userId: "alice",
        name: null,
      });
    }
  });

  test("no token, two tokens in the query, another scheme", async () => {
    expect(await codeOf(identity.identify({ headers: { "x-user-id": "alice" }, query: {} }))).toBe(
      "unauthenticated",
    );
    expect(await codeOf(identity.identify({ headers: {}, query: { token: ["a", "b"] } }))).toBe(
      "unauthenticated",
    );
    expect(await codeOf(identity.identify({ headers: { authorization: "Basic YTpi" }, query: {} }))).toBe(
      "unauthenticated",
    );
  });

  test("who claims to be another is forbidden; a header counts beside a service token only", async () => {
    const alice = signed({});
    expect(await codeOf(identity.identify(bearer(alice, { bodyUser: "bob" })))).toBe("forbidden");
    expect(await codeOf(identity.identify(bearer(alice, { query: { user_id: "bob" } })))).toBe("forbidden");
    expect(await identity.identify(bearer(alice, { headers: { "x-user-id": "bob" } }))).toMatchObject({
      userId: "alice",
    });
    const service = signed({ sub: "backend", scope: "read parlance:service" });
    expect(await identity.identify(bearer(service))).toMatchObject({ userId: null, rights: "service" });
    expect(await identity.identify(bearer(service, { headers: { "x-user-id": "bob" } }))).toMatchObject({
      userId: "bob",
      rights: "service",
    });
    expect(await identity.identify(bearer(service, { bodyUser: "bob" }))).toMatchObject({ userId: "bob" });
    expect(
      await codeOf(identity.identify(bearer(service, { headers: { "x-user-id": "bob" }, bodyUser: "eve" }))),
    ).toBe("forbidden");
    expect(
      await codeOf(identity.identify(bearer(signed({ scope: "parlance:services" }), { bodyUser: "b" }))),
    ).toBe("forbidden");
  });

  test("nobody can have a token minted", async () => {
    expect(await codeOf(identity.mintToken({ id: "alice", name: null }, 60))).toBe("not_found");
  });
});

describe("open mode", () => {
  const identity = identityWith({ mode: "open" });
  const named = (headers: Credentials["headers"], query: object = {}, bodyUser?: string): Credentials => ({
    headers,
    query,
    bodyUser,
  });

  test("believes the first identity and holds to it", async () => {
    expect(await identity.identify(named({ "x-user-id": "alice" }))).toMatchObject({
      userId: "alice",
      rights: "user",
    });
    expect(await identity.identify(named({}, { user_id: "alice" }))).toMatchObject({ userId: "alice" });
    expect(await identity.identify(named({}, {}, "alice"))).toMatchObject({ userId: "alice" });
    expect(await codeOf(identity.identify(named({ "x-user-id": "alice" }, {}, "bob")))).toBe("forbidden");
    expect(await codeOf(identity.identify(named({ "x-user-id": "alice" }, { user_id: "bob" })))).toBe(
      "forbidden",
    );
    expect(await codeOf(identity.identify(bearer(signed({}), { headers: { "x-user-id": "bob" } })))).toBe(
      "forbidden",
    );
  });

  test("takes a request from nobody as the operator's, but no socket", async () => {
    expect(await identity.identify(named({}))).toMatchObject({ userId: null, rights: "operator" });
    expect(await codeOf(identity.identify({ ...named({}), socket: true }))).toBe("unauthenticated");
  });

  test("verifies a token all the same", async () => {
    expect(await codeOf(identity.identify(bearer(signed({}, {}, "other"), { bodyUser: "alice" })))).toBe(
      "unauthenticated",
    );
    const minted = await identity.mintToken({ id: "2", name: "Bob" }, 60);
    expect(await identity.identify(bearer(minted))).toEqual({
      userId: "2",
      name: "Bob",
      rights: "user",
      expiresAt: NOW + 60_000,
    });
  });

  test("reads a header in UTF-8, refuses ids that cannot be", async () => {
    const wire = Buffer.from("Žofie").toString("latin1");
    expect(await identity.identify(named({ "x-user-id": wire }))).toMatchObject({ userId: "Žofie" });
    for (const id of ["", "a".repeat(129), "a\tb"]) {
      expect(await codeOf(identity.identify(named({ "x-user-id": id })))).toBe("invalid");
    }
  });
});

describe("tokens signed with a key of the provider's set", () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
  let server: Server;
  let identity: Identity;
  let fetches = 0;
  const requests: string[] = [];

  beforeAll(async () => {
    const keys = [
      { ...(await exportJWK(rsa.publicKey)), kid: "rsa", use: "sig", alg: "RS256" },
      { ...(await exportJWK(ec.publicKey)), kid: "ec" },
      { kty: "oct", kid: "shared", k: Buffer.from(SECRET).toString("base64url") },
    ];
    server = createServer((request, response) => {
      fetches++;
      requests.push(request.url ?? "");
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ keys }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    identity = identityWith({ keys: { jwksUrl: `http://127.0.0.1:${port}/keys` } });
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const sign = (alg: string, kid: string, key: typeof rsa.privateKey, header: object = {}): Promise<string> =>
    new SignJWT({ sub: "alice", exp: SECONDS + 60 }).setProtectedHeader({ alg, kid, ...header }).sign(key);

  test("are taken, and their keys fetched once", async () => {
    for (const token of [
      await sign("RS256", "rsa", rsa.privateKey),
      await sign("ES256", "ec", ec.privateKey),
    ]) {
      expect(await codeOf(identity.identify(bearer(token)))).toBe("accepted");
    }
    expect(fetches).toBe(1);
  });

  test("TK2 a public or shared key is no HMAC secret", async () => {
    const pem = rsa.publicKey.export({ type: "spki", format: "pem" });
    expect(await codeOf(identity.identify(bearer(signed({}, { kid: "rsa" }, pem))))).toBe("unauthenticated");
    expect(await codeOf(identity.identify(bearer(signed({}, { kid: "shared" }))))).toBe("unauthenticated");
  });

  test("TK3 unknown keys and keys that the token brings along are refused without a fetch", async () => {
    const own = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const jwk = await exportJWK(own.publicKey);
    const jku = `http://127.0.0.1:${(server.address() as AddressInfo).port}/evil`;
    for (const token of [
      await sign("RS256", "rsa", own.privateKey, { jwk }),
      await sign("RS256", "rsa", own.privateKey, { jku, x5u: jku }),
      await sign("RS256", "../../etc/passwd", own.privateKey),
      await sign("RS256", "k".repeat(6000), own.privateKey),
    ]) {
      expect(await codeOf(identity.identify(bearer(token)))).toBe("unauthenticated");
    }
    expect(requests).not.toContain("/evil");
  });

  test("keys once had serve on while the provider cannot be reached, and are looked at again", async () => {
    let answers = 0;
    const key = { ...(await exportJWK(rsa.publicKey)), kid: "rsa" };
    const provider = createServer((_, response) => {
      answers++;
      if (answers > 1) response.writeHead(500);
      response.end(JSON.stringify({ keys: [key] }));
    });
    await new Promise<void>((resolve) => provider.listen(0, "127.0.0.1", resolve));
    let now = NOW;
    const jwksUrl = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/keys`;
    const patient = identityWith({ keys: { jwksUrl }, now: () => now });
    const token = await new SignJWT({ sub: "alice", exp: SECONDS + 7200 })
      .setProtectedHeader({ alg: "RS256", kid: "rsa" })
      .sign(rsa.privateKey);
    expect(await codeOf(patient.identify(bearer(token)))).toBe("accepted");
    for (let round = 0; round < 3; round++) {
      now += 11 * 60_000;
      expect(await codeOf(patient.identify(bearer(token)))).toBe("accepted");
    }
    await expect.poll(() => answers).toBeGreaterThan(1);
    provider.closeAllConnections();
    await new Promise((resolve) => provider.close(resolve));
  });

  test("where the keys cannot be had, nobody is told that the token is bad", async () => {
    const lost = identityWith({ keys: { jwksUrl: "http://127.0.0.1:1/keys" } });
    const token = await sign("RS256", "rsa", rsa.privateKey);
    expect(await codeOf(lost.identify(bearer(token)))).toBe("unavailable");
  });
});

test("the open mode's secret is made once and is its owner's alone", async () => {
  const directory = mkdtempSync(join(tmpdir(), "parlance-secret-"));
  try {
    const data = join(directory, "data");
    expect(await readOpenSecret(data)).toBeNull();
    const secrets = await Promise.all([1, 2, 3].map(() => readOrMakeOpenSecret(data)));
    expect(new Set(secrets).size).toBe(1);
    expect(secrets[0]!.length).toBeGreaterThanOrEqual(43);
    expect(await readOpenSecret(data)).toBe(secrets[0]);
    expect(readdirSync(data)).toEqual(["open-mode-secret"]);
    expect(statSync(join(data, "open-mode-secret")).mode & 0o777).toBe(0o600);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

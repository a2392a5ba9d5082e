import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { helpText } from "./config/help.ts";
import { ALL_OPTIONS } from "./config/table.ts";
import { loadConfig } from "./config.ts";
import { StartupError } from "./core/ports/startup-error.ts";

const SECRET = "q8Zr3vNw0LkTj5XbYd2HsGf7UcPe9MaV4oRi";

function problemsOf(env: Record<string, string>, argv: string[] = [], dotenv = {}): string {
  try {
    loadConfig(env, argv, dotenv);
  } catch (error) {
    expect(error).toBeInstanceOf(StartupError);
    return (error as StartupError).message;
  }
  throw new Error("the options were accepted");
}

describe("what is given", () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "parlance-config-"));
  });
  afterAll(() => {
    rmSync(directory, { recursive: true });
  });

  test("nothing: the defaults, open mode, frozen", () => {
    const config = loadConfig({}, []);
    expect(config).toMatchObject({
      mode: "open",
      port: 8080,
      host: "127.0.0.1",
      dataDir: "./data",
      databaseUrl: null,
      jwtSecret: null,
      allowedOrigins: [],
      rateLimitMessages: null,
      rateLimitReactions: 60,
      maxMessageLength: 10_000,
      maxBodyBytes: 1_048_576,
      maxSendQueueBytes: 4 * 1_048_576,
      unknownUsers: "create",
    });
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.allowedOrigins)).toBe(true);
  });

  test("every option has a value, and every default is one that its own option accepts", () => {
    expect(Object.keys(loadConfig({}, []))).toHaveLength(ALL_OPTIONS.length + 1);
    for (const [name, option] of ALL_OPTIONS) {
      for (const fallback of [option.fallback, option.openFallback ?? null]) {
        if (fallback !== null) expect(option.kind.parse(fallback), name).not.toBeUndefined();
      }
    }
  });

  test("a key makes jwt mode, where messages are limited", () => {
    expect(loadConfig({ JWT_SECRET: SECRET }, [])).toMatchObject({ mode: "jwt", rateLimitMessages: 30 });
    expect(loadConfig({ JWT_JWKS_URL: "https://id.example.org/keys" }, []).mode).toBe("jwt");
    expect(loadConfig({ JWT_SECRET: SECRET, RATE_LIMIT_MESSAGES: "off" }, []).rateLimitMessages).toBeNull();
  });

  test("flags beat the environment, which beats .env, whatever the spelling", () => {
    const dotenv = { PORT: "1", DATA_DIR: "from-dotenv", DATABASE_URL: "postgres://dotenv/a" };
    const env = { PORT: "2", NEON_DB_URL: "postgres://env/a" };
    expect(loadConfig(env, ["--port", "3"], dotenv)).toMatchObject({
      port: 3,
      dataDir: "from-dotenv",
      databaseUrl: "postgres://env/a",
    });
    expect(loadConfig(env, ["--max-body-bytes=64KiB"], dotenv)).toMatchObject({
      port: 2,
      maxBodyBytes: 65_536,
    });
  });

  test("a value can stand in a file, without its last newline", () => {
    const path = join(directory, "secret");
    writeFileSync(path, `${SECRET}\n`);
    expect(loadConfig({ JWT_SECRET_FILE: path }, []).jwtSecret).toBe(SECRET);
    expect(loadConfig({}, ["--jwt-secret-file", path]).jwtSecret).toBe(SECRET);
    expect(problemsOf({ JWT_SECRET_FILE: path, JWT_SECRET: SECRET })).toContain("leave one out");
    expect(problemsOf({ JWT_SECRET_FILE: join(directory, "none") })).toContain(
      "JWT_SECRET_FILE: expected the path",
    );
  });

  test("lists drop blanks; unknown variables are none of our business", () => {
    const config = loadConfig({ ALLOWED_ORIGINS: "https://a.example, http://b.example:81,", PORTS: "x" }, []);
    expect(config.allowedOrigins).toEqual(["https://a.example", "http://b.example:81"]);
  });
});

describe("what is refused", () => {
  test("everything that is wrong is named at once, with what was expected", () => {
    const message = problemsOf(
      {
        PORT: "80x",
        LOG_LEVEL: "loud",
        MAX_BODY_BYTES: "1MB",
        JWT_SECRET: "short-and-never-shown",
        TRUST_PROXY: "10.0.0.0/33",
        RATE_LIMIT_REACTIONS: "-1",
      },
      ["--no-such-flag", "--sweep-seconds=0"],
      { ALLOWED_ORIGINS: "*", HOST: "" },
    );
    for (const name of [
      "PORT",
      "LOG_LEVEL",
      "MAX_BODY_BYTES",
      "JWT_SECRET",
      "TRUST_PROXY",
      "RATE_LIMIT_REACTIONS",
      "--no-such-flag",
      "--sweep-seconds",
      "ALLOWED_ORIGINS (in .env)",
      "HOST (in .env)",
    ]) {
      expect(message).toMatch(new RegExp(`^ {2}${name.replace(/[()]/g, "\\$&")}: `, "m"));
    }
    expect(message).toContain("10 options are wrong");
    expect(message).toContain('an integer from 0 to 65535, not "80x"');
    expect(message).not.toContain("never-shown");
  });

  test.each([
    ["an address that others reach", { HOST: "0.0.0.0" }, "HOST"],
    ["a name that is not this machine's", { HOST: "chat.example.org" }, "HOST"],
    [
      "the same through a file, not named in the list of hosts",
      { HOST: "::", OPEN_MODE_HOSTS: "a.example" },
      "HOST",
    ],
    ["an issuer nobody checks", { JWT_ISSUER: "https://id.example.org" }, "JWT_ISSUER"],
  ])("open mode with %s", (_, env, name) => {
    expect(problemsOf(env)).toContain(`  ${name}: `);
  });

  test("two keys at once", () => {
    expect(problemsOf({ JWT_SECRET: SECRET, JWT_JWKS_URL: "https://id.example.org/keys" })).toContain(
      "not together",
    );
  });

  test("a key that is wrong or empty is not open mode", () => {
    expect(problemsOf({ JWT_SECRET: "", HOST: "0.0.0.0" })).toMatch(
      /one option is wrong.*\n {2}JWT_SECRET: .*empty/,
    );
  });

  test.each([
    "a".repeat(64),
    "your-256-bit-secret-your-256-bit-secret",
    "your-super-secret-jwt-key-change-this-in-production",
    "0123456789abcdef0123456789abcdef",
    "q8Zr3vNw0LkTj5XbYd2HsGf7UcPe9Ma",
  ])("the weak secret %s (TK8)", (secret) => {
    expect(problemsOf({ JWT_SECRET: secret })).toContain(
      "JWT_SECRET: expected a secret of at least 32 bytes",
    );
  });

  test.each([
    "http://id.example.org/keys",
    "https://user:pass@id.example.org/keys",
    "file:///etc/passwd",
    "ftp://127.0.0.1/keys",
    "keys",
  ])("the key set %s", (given) => {
    expect(problemsOf({ JWT_JWKS_URL: given })).toContain("JWT_JWKS_URL: ");
  });

  test("a key set on loopback may do without TLS", () => {
    expect(loadConfig({ JWT_JWKS_URL: "http://127.0.0.1:9000/keys" }, []).mode).toBe("jwt");
  });

  test.each([["*", "null", "https://a.example/", "a.example"]])(
    "origins that no browser sends",
    (...origins) => {
      for (const origin of origins)
        expect(problemsOf({ ALLOWED_ORIGINS: origin })).toContain("ALLOWED_ORIGINS");
    },
  );

  test("words after start, flags without value, flags given twice", () => {
    const message = problemsOf({}, ["--port", "--host", "a", "--data-dir=a", "--data-dir=b"]);
    expect(message).toContain("--port: needs a value");
    expect(message).toContain("--data-dir: given twice");
  });
});

test("help names every option, its variable and its default", () => {
  const help = helpText();
  expect(help).toContain("--database-url (DATABASE_URL, NEON_DB_URL)");
  expect(help).toContain("Default: 30 (off in open mode).");
  for (const [name] of ALL_OPTIONS) expect(help).toContain(`(${name}`);
});

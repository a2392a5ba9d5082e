import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import { type Flags, flagOf, parseFlags } from "./config/flags.ts";
import { isLoopbackHost } from "./config/kinds.ts";
import { ALL_OPTIONS, type OPTIONS, type Option } from "./config/table.ts";
import { StartupError } from "./core/ports/startup-error.ts";

type Camel<S extends string> = S extends `${infer Head}_${infer Rest}`
  ? `${Lowercase<Head>}${Pascal<Rest>}`
  : Lowercase<S>;
type Pascal<S extends string> = S extends `${infer Head}_${infer Rest}`
  ? `${Capitalize<Lowercase<Head>>}${Pascal<Rest>}`
  : Capitalize<Lowercase<S>>;
type Values = {
  readonly [K in keyof typeof OPTIONS as Camel<K>]: (typeof OPTIONS)[K] extends Option<infer T> ? T : never;
};

/**
 * - `open`: no key is configured; who calls is believed, from this machine only.
 * - `jwt`: nobody is believed without a token.
 */
export type Mode = "open" | "jwt";

/** Every option's value under its name in camel case (`MAX_BODY_BYTES` is `maxBodyBytes`), and the mode. */
export type Config = Values & { readonly mode: Mode };

type Env = Readonly<Record<string, string | undefined>>;

/** One place an option can come from; an earlier one beats a later one. */
interface Source {
  readonly values: Env;
  readonly spell: (name: string) => string;
}

/** The environment of this process and, apart from it, the `.env` file of the working directory. */
export function readEnvironment(): { readonly env: Env; readonly dotenv: Env } {
  let text = "";
  try {
    text = readFileSync(".env", "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== "ENOENT") throw new StartupError(`.env in the working directory cannot be read (${code})`);
  }
  return { env: process.env, dotenv: parseEnv(text) };
}

/**
 * Reads all options: flags before environment before `.env` before defaults. Everything that is wrong is
 * named in the one StartupError it throws; a secret's value never is.
 */
export function loadConfig(env: Env, argv: readonly string[] | Flags, dotenv: Env = {}): Config {
  const flags = "words" in argv ? argv : parseFlags(argv);
  const problems = [...flags.problems];
  const sources: readonly Source[] = [
    { values: flags.values, spell: (name) => `--${flagOf(name)}` },
    { values: env, spell: (name) => name },
    { values: dotenv, spell: (name) => `${name} (in .env)` },
  ];
  const given = new Map<string, unknown>();
  for (const [name, option] of ALL_OPTIONS) {
    const value = readOption(name, option, sources, problems);
    if (value !== undefined) given.set(name, value);
  }
  const named = (name: string): boolean =>
    sources.some(({ values }) => values[name] !== undefined || values[`${name}_FILE`] !== undefined);
  const mode: Mode = named("JWT_SECRET") || named("JWT_JWKS_URL") ? "jwt" : "open";
  const config: Record<string, unknown> = { mode };
  for (const [name, option] of ALL_OPTIONS) {
    const fallback = (mode === "open" ? option.openFallback : undefined) ?? option.fallback;
    const value =
      given.get(name) ?? (given.has(name) || fallback === null ? null : option.kind.parse(fallback));
    config[camelCase(name)] = value;
  }
  checkTogether(config as Config, problems);
  if (problems.length > 0) {
    const what = problems.length === 1 ? "one option is" : `${problems.length} options are`;
    throw new StartupError(
      [`Parlance cannot start: ${what} wrong.`, ...problems.map((line) => `  ${line}`)].join("\n"),
    );
  }
  return Object.freeze(config as Config);
}

function readOption(
  name: string,
  option: Option<unknown>,
  sources: readonly Source[],
  problems: string[],
): unknown {
  for (const { values, spell } of sources) {
    const spellings = [name, ...(option.aliases ?? [])]
      .flatMap((spelling) => [spelling, `${spelling}_FILE`])
      .filter((spelling) => values[spelling] !== undefined);
    const [first, second] = spellings;
    if (first === undefined) continue;
    if (second !== undefined) {
      problems.push(`${spell(first)}: given as ${spell(second)} too; leave one out`);
      return undefined;
    }
    const text = first.endsWith("_FILE") ? readValueFile(values[first]!) : values[first]!;
    if (text === undefined) {
      problems.push(`${spell(first)}: expected the path of a file that can be read`);
      return undefined;
    }
    const value = text === "" && option.fallback !== "" ? undefined : option.kind.parse(text);
    if (value !== undefined) return value;
    problems.push(`${spell(first)}: expected ${option.kind.expected}${shown(text, option)}`);
    return undefined;
  }
  return undefined;
}

/** The file's text without the newline that editors and `echo` leave at its end. */
function readValueFile(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").replace(/\r?\n$/, "");
  } catch {
    return undefined;
  }
}

function shown(text: string, option: Option<unknown>): string {
  if (text === "") return "; it is set but empty";
  if (option.secret) return "";
  return `, not ${JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)}`;
}

/** What no option can see alone. */
function checkTogether(config: Config, problems: string[]): void {
  if (config.jwtSecret !== null && config.jwtJwksUrl !== null) {
    problems.push(
      "JWT_SECRET: not together with JWT_JWKS_URL; a token must not be able to choose which of two keys checks it",
    );
  }
  const { capriciousUnavailablePercent, capriciousTimeoutPercent, capriciousAfterPercent } = config;
  if (capriciousUnavailablePercent + capriciousTimeoutPercent + capriciousAfterPercent > 100) {
    problems.push("CAPRICIOUS_*_PERCENT: unavailable, timeout and after are more than 100 together");
  }
  if (
    config.blobsUrl?.startsWith("s3:") &&
    (config.s3AccessKeyId === null || config.s3SecretAccessKey === null)
  ) {
    problems.push("BLOBS_URL: a bucket needs S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY");
  }
  if (config.mode === "jwt") return;
  if (!isLoopbackHost(config.host)) {
    problems.push(
      `HOST: ${JSON.stringify(config.host)} can be reached from other machines, and without JWT_SECRET or ` +
        "JWT_JWKS_URL anybody who reaches the server may act as any user; set one of these, or leave HOST at 127.0.0.1",
    );
  }
  for (const [name, value] of [
    ["JWT_ISSUER", config.jwtIssuer],
    ["JWT_AUDIENCE", config.jwtAudience],
  ]) {
    if (value !== null) problems.push(`${name}: has no meaning without JWT_SECRET or JWT_JWKS_URL`);
  }
}

function camelCase(name: string): string {
  return name.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}

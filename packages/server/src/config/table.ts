import { availableParallelism } from "node:os";
import { DIALECT_NAMES, type DialectName } from "@parlance/protocol/dialect-names.ts";
import {
  choice,
  integer,
  isAddressRange,
  isBlobsUrl,
  isHostEntry,
  isLoopbackHost,
  isOrigin,
  isTypePattern,
  type Kind,
  list,
  perMinute,
  size,
  text,
  url,
} from "./kinds.ts";
import { parseRedisUrl, REDIS_URL_FORMS } from "./redis-url.ts";
import { isStrongSecret, MIN_SECRET_BYTES } from "./secret-strength.ts";

export const GROUPS = [
  "Listening",
  "Data",
  "Identity",
  "Limits",
  "Behaviour",
  "Operation",
  "Capricious mode",
] as const;

interface Words {
  readonly group: (typeof GROUPS)[number];
  readonly text: string;
  /** Its value never appears in a message, a log or a dump. */
  readonly secret?: true;
  /** Other environment names that mean this option. */
  readonly aliases?: readonly string[];
  /** The default where the server is in open mode, spelled as a user would; else `fallback`. */
  readonly openFallback?: string;
}

export interface Option<T> extends Words {
  readonly kind: Kind<T>;
  /** The default, spelled as a user would; null where there is none. */
  readonly fallback: string | null;
}

function option<T>(kind: Kind<T>, fallback: string, words: Words): Option<T> {
  return { kind, fallback, ...words };
}

function optional<T>(kind: Kind<T>, words: Words): Option<T | null> {
  return { kind, fallback: null, ...words };
}

/** Every option there is. Environment names, flags, `--help` and docs/configuration.md are made from this. */
export const OPTIONS = {
  HOST: option(text("an address or a host name"), "127.0.0.1", {
    group: "Listening",
    text: "Address to listen on. Open mode refuses any but a loopback address.",
  }),
  PORT: option(integer(0, 65_535), "8080", {
    group: "Listening",
    text: "Port to listen on; 0 takes a free one.",
  }),
  ALLOWED_ORIGINS: option(list("origins such as https://app.example.org, without *", isOrigin), "", {
    group: "Listening",
    text: "Origins of web pages that may call the server from a browser. In open mode loopback origins may too.",
  }),
  OPEN_MODE_HOSTS: option(list("hosts such as phone.lan or 192.168.1.7:8080", isHostEntry), "", {
    group: "Listening",
    text: "Hosts that, beside loopback, requests may name in open mode (a tunnel, a forwarded port). Who reaches the server through them may act as anybody.",
  }),
  WEB_APP_DIR: optional(text("a path"), {
    group: "Listening",
    text: "Directory of a built web app to serve at / in place of the one that comes with the server.",
  }),
  TRUST_PROXY: option(list("addresses or ranges such as 10.0.0.0/8", isAddressRange), "", {
    group: "Listening",
    text: "Proxies whose X-Forwarded-For is believed; nobody's is without this.",
  }),

  DATA_DIR: option(text("a path"), "./data", {
    group: "Data",
    text: "Directory of the embedded PostgreSQL and of the open mode's secret.",
  }),
  DATABASE_URL: optional(
    url("a postgres:// or postgresql:// URL", (given) => /^postgres(ql)?:$/.test(given.protocol)),
    {
      group: "Data",
      text: "A PostgreSQL (15 to 18) of your own in place of the embedded one.",
      secret: true,
      aliases: ["NEON_DB_URL"],
    },
  ),
  REDIS_URL: optional(
    { expected: REDIS_URL_FORMS, parse: parseRedisUrl },
    {
      group: "Data",
      text: `Redis (6.2 or later) or Valkey, where more than one process serves the same DATABASE_URL: ${REDIS_URL_FORMS}. Sentinels with a password of their own: ?sentinel-password=….`,
      secret: true,
    },
  ),
  QUEUE: option(choice("redis", "postgres"), "redis", {
    group: "Data",
    text: "Where messages that are posted onto the queue dialect's queue wait to be stored, where there is a REDIS_URL. In postgres, as without one, they are stored at once.",
  }),
  BLOBS_URL: optional(
    {
      expected: "a directory, or s3://bucket/prefix?endpoint=https://…&region=…",
      parse: (given) => (isBlobsUrl(given) ? given : undefined),
    },
    {
      group: "Data",
      text: "Where files are kept: a directory (all processes must see the same one), or a bucket of S3 or what speaks like it, as s3://bucket/prefix?endpoint=https://…&region=…; path-style=off puts the bucket into the host name, redirect=off serves files through this server instead of links to the bucket. Without it, blobs in DATA_DIR.",
    },
  ),
  S3_ACCESS_KEY_ID: optional(text("an access key id"), {
    group: "Data",
    text: "Access key of the bucket in BLOBS_URL.",
    aliases: ["AWS_ACCESS_KEY_ID"],
  }),
  S3_SECRET_ACCESS_KEY: optional(text("a secret access key"), {
    group: "Data",
    text: "Secret of that access key.",
    secret: true,
    aliases: ["AWS_SECRET_ACCESS_KEY"],
  }),
  DATABASE_READ_CONNECTIONS: option(integer(1, 64), "2", {
    group: "Data",
    text: "Connections that serve reads.",
  }),

  JWT_SECRET: optional(
    {
      expected: `a secret of at least ${MIN_SECRET_BYTES} bytes that is not a sample from documentation; one can be made with: openssl rand -base64 48`,
      parse: (given) => (isStrongSecret(given) ? given : undefined),
    },
    {
      group: "Identity",
      text: "Secret of HS256 tokens. With this or JWT_JWKS_URL every request needs a token; with neither the server is in open mode.",
      secret: true,
    },
  ),
  JWT_JWKS_URL: optional(url("an https:// URL (http:// on loopback only) without credentials", isKeySetUrl), {
    group: "Identity",
    text: "Key set of the identity provider, for RS, PS, ES and EdDSA tokens.",
  }),
  JWT_ISSUER: optional(text("the issuer as it stands in tokens"), {
    group: "Identity",
    text: "The iss that a token must have.",
  }),
  JWT_AUDIENCE: optional(text("one audience"), {
    group: "Identity",
    text: "The aud that a token must name.",
  }),
  UNKNOWN_USERS: option(choice("create", "reject"), "create", {
    group: "Identity",
    text: "What happens in jwt mode when a user names another whom the server does not know: made on the spot, or refused.",
  }),

  RATE_LIMIT_MESSAGES: option(perMinute(), "30", {
    group: "Limits",
    text: "Messages a user may send in a minute; edits, newly opened conversations and changes to groups and who is in them count as such.",
    openFallback: "off",
  }),
  RATE_LIMIT_REACTIONS: option(perMinute(), "60", {
    group: "Limits",
    text: "Reactions a user may add or remove in a minute.",
  }),
  RATE_LIMIT_UPLOADS: option(perMinute(), "10", {
    group: "Limits",
    text: "Files a user may upload in a minute.",
    openFallback: "off",
  }),
  MAX_FILE_SIZE_MB: option(integer(1, 4_096), "25", {
    group: "Limits",
    text: "Largest file, in MiB.",
  }),
  ALLOWED_FILE_TYPES: option(list("media types such as image/png or image/*", isTypePattern), "", {
    group: "Limits",
    text: "Types of files that are taken, by their content; without any, all are.",
  }),
  MAX_MESSAGE_LENGTH: option(integer(1, 100_000), "10000", {
    group: "Limits",
    text: "Longest message, in Unicode code points.",
  }),
  MAX_METADATA_BYTES: option(size("0", "64KiB"), "8KiB", {
    group: "Limits",
    text: "Largest metadata of a message, as JSON.",
  }),
  MAX_BODY_BYTES: option(size("16KiB", "64MiB"), "1MiB", {
    group: "Limits",
    text: "Largest body of an HTTP request.",
  }),
  MAX_FRAME_BYTES: option(size("16KiB", "64MiB"), "1MiB", {
    group: "Limits",
    text: "Largest frame of a WebSocket; a larger one closes the connection with 1009.",
  }),
  MAX_FRAMES_PER_SECOND: option(integer(1, 100_000), "5000", {
    group: "Limits",
    text: "Frames a connection may send in a second; faster ones close it with 4029.",
  }),
  MAX_CONNECTIONS_PER_USER: option(integer(1, 100_000), "50", {
    group: "Limits",
    text: "Connections of one user; one more is closed with 4009.",
  }),
  MAX_SOCKJS_SESSIONS_PER_ADDRESS: option(integer(1, 1_000_000), "1000", {
    group: "Limits",
    text: "SockJS sessions that go over plain HTTP, of one address (of IPv6, one /64); one more is answered 429.",
  }),
  MAX_SEND_QUEUE_BYTES: option(size("1MiB", "1GiB"), "4MiB", {
    group: "Limits",
    text: "What may wait to be read by one connection; more closes it with 4008.",
  }),
  MAX_PARTICIPANTS: option(integer(2, 1_000_000), "5000", {
    group: "Limits",
    text: "Participants of one conversation.",
  }),

  ATTACHMENT_ORPHAN_HOURS: option(integer(1, 720), "24", {
    group: "Behaviour",
    text: "Hours after which an uploaded file that no message uses is removed.",
  }),
  FILE_LINK_MINUTES: option(integer(1, 1_440), "60", {
    group: "Behaviour",
    text: "Minutes for which a signed link to a file is good. Whether its user may still see the file is asked each time it is followed.",
  }),
  TYPING_TTL_SECONDS: option(integer(1, 60), "5", {
    group: "Behaviour",
    text: "Seconds after which a user who was typing no longer is, unless said again.",
  }),
  PRESENCE_STALE_MINUTES: option(integer(1, 1_440), "5", {
    group: "Behaviour",
    text: "Minutes without a frame or a heartbeat after which a connection of the stomp dialect no longer makes its user online.",
  }),
  SANDBOX_BOT: option(choice("on", "off"), "off", {
    group: "Behaviour",
    text: "Whether a bot answers in the chats that who names nobody finds in the sse dialect (open mode only).",
    openFallback: "on",
  }),
  WEBHOOK_ALLOW_PRIVATE: option(choice("on", "off"), "off", {
    group: "Behaviour",
    text: "Whether webhooks may go to private addresses, this machine's among them, and to any port.",
  }),
  PUBLIC_HOSTS: option(list("hosts such as chat.example.com", isHostEntry), "", {
    group: "Behaviour",
    text: "Names under which others reach this server, through a proxy or not: webhooks do not go there.",
  }),
  WEBHOOK_PACE: option(integer(60, 1_000_000), "1200", {
    group: "Behaviour",
    text: "Deliveries a minute, by one process, of one conversation to one endpoint. As many go at once; what is more waits. An endpoint that answers each message by another goes round no faster.",
  }),
  WEBHOOK_PORTS: option(list("ports", isPort), "80,443", {
    group: "Behaviour",
    text: "Ports that webhooks may go to.",
  }),
  HEARTBEAT_SECONDS: option(integer(1, 300), "25", {
    group: "Behaviour",
    text: "Seconds between pings of a connection; one that misses two is closed.",
  }),

  LOG_LEVEL: option(choice("debug", "info", "warn", "error"), "info", {
    group: "Operation",
    text: "The least important lines that are logged.",
  }),
  WORKERS: option(workers(64), "1", {
    group: "Operation",
    text: "Processes that share the port on this machine, or auto: one for each of its processors.",
  }),
  WRITER_LANES: option(integer(1, 16), "2", {
    group: "Operation",
    text: "Connections that write. Those after the first take what is more than one can.",
  }),
  WRITER_MAX_BATCH: option(integer(1, 4096), "512", {
    group: "Operation",
    text: "Most messages of one transaction.",
  }),
  WRITER_MAX_QUEUED: option(integer(1, 1_000_000), "50000", {
    group: "Operation",
    text: "Messages that may wait to be written; one more is answered overloaded.",
  }),
  WRITER_MAX_QUEUED_BYTES: option(size("1MiB", "16GiB"), "64MiB", {
    group: "Operation",
    text: "What messages that wait to be written may hold in memory; one more is answered overloaded.",
  }),
  QUEUE_MAX_WAITING: option(integer(16, 100_000_000), "1000000", {
    group: "Operation",
    text: "Messages that may wait in Redis to be stored, a sixteenth of them in each part of the queue; one more is answered overloaded.",
  }),
  QUEUE_MAX_DEAD_LETTERS: option(integer(16, 10_000_000), "100000", {
    group: "Operation",
    text: "Queued messages that could not be stored and are kept for a look and another try; of more the oldest go.",
  }),
  SWEEP_SECONDS: option(integer(1, 60), "2", {
    group: "Operation",
    text: "Seconds between two looks for changes that were not announced.",
  }),
  DRAIN_SECONDS: option(integer(1, 300), "8", {
    group: "Operation",
    text: "Seconds that running work gets to finish when the server is asked to stop.",
  }),

  CAPRICIOUS: option(choice("on", "off"), "off", {
    group: "Capricious mode",
    text: "Whether the server fails on purpose now and then, for developers of clients.",
  }),
  CAPRICIOUS_DIALECTS: option(dialects(), "sse", {
    group: "Capricious mode",
    text: "The dialects that it is for.",
  }),
  CAPRICIOUS_SEED: optional(integer(0, 2_147_483_647), {
    group: "Capricious mode",
    text: "Makes a run repeatable: the same seed, the same moods in the same order. One is made up and logged without it.",
  }),
  CAPRICIOUS_LATENCY_MS: option(integer(0, 60_000), "1500", {
    group: "Capricious mode",
    text: "The longest wait, in milliseconds, before an operation and once more after it.",
  }),
  CAPRICIOUS_UNAVAILABLE_PERCENT: option(integer(0, 100), "5", {
    group: "Capricious mode",
    text: "Of a hundred operations so many are answered 503 before anything is done.",
  }),
  CAPRICIOUS_TIMEOUT_PERCENT: option(integer(0, 100), "5", {
    group: "Capricious mode",
    text: "Of a hundred operations so many are answered 504 before anything is done.",
  }),
  CAPRICIOUS_TIMEOUT_MS: option(integer(0, 60_000), "5000", {
    group: "Capricious mode",
    text: "How long such a 504 takes, in milliseconds.",
  }),
  CAPRICIOUS_AFTER_PERCENT: option(integer(0, 100), "0", {
    group: "Capricious mode",
    text: "Of a hundred operations so many are done and never answered.",
  }),
  CAPRICIOUS_REPEATS: option(choice("on", "off"), "on", {
    group: "Capricious mode",
    text: "Whether each event is told one, two or three times.",
  }),
} as const;

function dialects(): Kind<readonly DialectName[]> {
  const names: readonly string[] = DIALECT_NAMES;
  const { expected, parse } = list(`dialects out of ${names.join(", ")}`, (item) => names.includes(item));
  return { expected, parse: (given) => parse(given) as readonly DialectName[] | undefined };
}

function workers(most: number): Kind<number> {
  const { expected, parse } = integer(1, most);
  return {
    expected: `${expected}, or auto`,
    parse: (given) => (given === "auto" ? Math.min(most, availableParallelism()) : parse(given)),
  };
}

function isPort(given: string): boolean {
  return /^\d{1,5}$/.test(given) && Number(given) >= 1 && Number(given) <= 65_535;
}

function isKeySetUrl(given: URL): boolean {
  if (given.username !== "" || given.password !== "") return false;
  return given.protocol === "https:" || (given.protocol === "http:" && isLoopbackHost(given.hostname));
}

export type OptionName = keyof typeof OPTIONS;

/** The table with its types forgotten, for those who treat every option alike. */
export const ALL_OPTIONS: readonly (readonly [OptionName, Option<unknown>])[] = Object.entries(
  OPTIONS as Record<OptionName, Option<unknown>>,
) as [OptionName, Option<unknown>][];

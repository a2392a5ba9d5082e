import { randomInt } from "node:crypto";
import type { DialectName } from "@parlance/protocol/dialect-names.ts";
import type { Log } from "../core/ports/log.ts";
import type { Listen } from "../delivery/listen.ts";
import type { Dialect, DialectParts } from "../dialects/dialect.ts";
import { capriciousDoor } from "./door.ts";
import { createMoods } from "./moods.ts";
import { repeatingListen } from "./repeats.ts";
import { type Asked, capriciousRaw, capriciousScope } from "./requests.ts";

export interface CapriciousOptions {
  readonly mode: "open" | "jwt";
  readonly capricious: "on" | "off";
  readonly capriciousDialects: readonly DialectName[];
  readonly capriciousSeed: number | null;
  readonly capriciousLatencyMs: number;
  readonly capriciousUnavailablePercent: number;
  readonly capriciousTimeoutPercent: number;
  readonly capriciousTimeoutMs: number;
  readonly capriciousAfterPercent: number;
  readonly capriciousRepeats: "on" | "off";
}

/** What is put around dialects; where nothing is to be, they stay as they are. */
export interface Capricious {
  /** Parts for a dialect of sockets: what its clients ask fails now and then, and what they hear repeats itself. */
  parts(name: DialectName, parts: DialectParts): DialectParts;
  /** A dialect of requests, whose requests fail now and then. */
  overRequests(dialect: Dialect): Dialect;
  /** How such a one listens for a request: sometimes more than once. */
  listenFor(name: DialectName, listen: Listen): (asked: Asked) => Listen;
}

const MAX_SEED = 2 ** 31;

export function createCapricious(options: CapriciousOptions, log: Log): Capricious {
  const seed = options.capriciousSeed ?? randomInt(MAX_SEED);
  const moods = createMoods({
    seed,
    latencyMs: options.capriciousLatencyMs,
    unavailablePercent: options.capriciousUnavailablePercent,
    timeoutPercent: options.capriciousTimeoutPercent,
    afterPercent: options.capriciousAfterPercent,
    timeoutMs: options.capriciousTimeoutMs,
  });
  const listed: ReadonlySet<DialectName> = new Set(
    options.capricious === "on" ? options.capriciousDialects : [],
  );
  if (listed.size > 0) {
    log.warn({ seed, dialects: [...listed] }, "capricious mode: these dialects fail on purpose now and then");
  }
  const repeats = options.capriciousRepeats === "on";

  const isCapricious =
    (name: DialectName) =>
    ({ headers, query }: Asked): boolean =>
      listed.has(name) || (options.mode === "open" && (headers["x-capricious"] === "on" || isOn(query)));

  return {
    parts(name, parts) {
      if (!listed.has(name)) return parts;
      return {
        ...parts,
        door: capriciousDoor(parts.door, moods),
        ...(repeats && { listen: repeatingListen(parts.listen, moods) }),
      };
    },
    overRequests(dialect) {
      if (!listed.has(dialect.name) && options.mode !== "open") return dialect;
      const isSo = isCapricious(dialect.name);
      const [scope] = dialect.scopes;
      return {
        ...dialect,
        scopes: dialect.scopes.map((one) => capriciousScope(one, isSo, moods)),
        // What is only fetched past the framework is a stream: it repeats itself, and does not fail.
        raw: dialect.raw.map((route) =>
          scope === undefined || !route.methods.includes("POST")
            ? route
            : capriciousRaw(route, scope.errorShape, isSo, moods),
        ),
      };
    },
    listenFor(name, listen) {
      const repeating = repeats ? repeatingListen(listen, moods) : listen;
      const isSo = isCapricious(name);
      return (asked) => (isSo(asked) ? repeating : listen);
    },
  };
}

const isOn = (query: unknown): boolean =>
  typeof query === "object" && query !== null && "capricious" in query && query.capricious === "on";

import { BlockList, isIP } from "node:net";

/**
 * How one option's text is read. `parse` answers undefined for a text that is wrong; `expected` then
 * completes the sentence "expected …" and so must say everything that `parse` checks.
 */
export interface Kind<T> {
  readonly expected: string;
  readonly parse: (text: string) => T | undefined;
}

export function text(expected: string): Kind<string> {
  return { expected, parse: (given) => given };
}

export function integer(min: number, max: number): Kind<number> {
  return {
    expected: `an integer from ${min} to ${max}`,
    parse(given) {
      if (!/^\d{1,15}$/.test(given)) return undefined;
      const value = Number(given);
      return value >= min && value <= max ? value : undefined;
    },
  };
}

const SIZE_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

/** Bytes: a plain number, or one followed by KiB, MiB or GiB. */
export function size(min: string, max: string): Kind<number> {
  const least = readSize(min)!;
  const most = readSize(max)!;
  return {
    expected: `a size from ${min} to ${max}, such as 65536 or 64KiB`,
    parse(given) {
      const value = readSize(given);
      return value !== undefined && value >= least && value <= most ? value : undefined;
    },
  };
}

function readSize(given: string): number | undefined {
  const match = /^(\d{1,15}) ?(B|KiB|MiB|GiB|)$/.exec(given);
  return match === null ? undefined : Number(match[1]) * SIZE_UNITS[match[2]!]!;
}

const DURATION_UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** Seconds: a number followed by s, m, h or d. */
export function duration(maxSeconds: number): Kind<number> {
  return {
    expected: `a time such as 90s, 15m, 24h or 30d, at most ${maxSeconds / 86_400}d`,
    parse(given) {
      const match = /^(\d{1,9})([smhd])$/.exec(given);
      if (match === null) return undefined;
      const seconds = Number(match[1]) * DURATION_UNITS[match[2]!]!;
      return seconds > 0 && seconds <= maxSeconds ? seconds : undefined;
    },
  };
}

/** How many in a minute; null is no limit. */
export function perMinute(): Kind<number | null> {
  return {
    expected: "a number per minute from 1 to 1000000, or off",
    parse(given) {
      if (given === "off") return null;
      const match = /^(\d{1,7})(\/min)?$/.exec(given);
      const value = Number(match?.[1] ?? 0);
      return value >= 1 && value <= 1_000_000 ? value : undefined;
    },
  };
}

export function choice<const T extends string>(...values: readonly T[]): Kind<T> {
  return {
    expected: `one of ${values.join(", ")}`,
    parse: (given) => values.find((value) => value === given),
  };
}

/** Comma-separated, blanks around items dropped; the empty text is the empty list. */
export function list(items: string, isItem: (item: string) => boolean): Kind<readonly string[]> {
  return {
    expected: `a comma-separated list of ${items}`,
    parse(given) {
      const found = given
        .split(",")
        .map((item) => item.trim())
        .filter((item) => item !== "");
      return found.every(isItem) ? Object.freeze(found) : undefined;
    },
  };
}

/** A media type or a family of them: `image/png`, `image/*`. */
export function isTypePattern(item: string): boolean {
  return /^([a-z0-9!#$&^_.+-]+\/([a-z0-9!#$&^_.+-]+|\*)|\*)$/.test(item);
}

/** A directory, or a bucket as `s3://bucket/prefix?endpoint=https://…&region=…`. */
export function isBlobsUrl(given: string): boolean {
  if (!/^[a-z0-9+.-]+:\/\//i.test(given)) return given !== "";
  const parsed = URL.parse(given);
  if (parsed?.protocol !== "s3:" || !/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(parsed.host)) return false;
  if (parsed.username !== "" || parsed.hash !== "") return false;
  const known = ["endpoint", "region", "path-style", "redirect"];
  const endpoint = parsed.searchParams.get("endpoint");
  return (
    [...parsed.searchParams.keys()].every((name) => known.includes(name)) &&
    (endpoint === null || /^https?:$/.test(URL.parse(endpoint)?.protocol ?? ""))
  );
}

export function url(expected: string, isGood: (url: URL) => boolean): Kind<string> {
  return {
    expected,
    parse(given) {
      const parsed = URL.parse(given);
      return parsed !== null && isGood(parsed) ? given : undefined;
    },
  };
}

/** An origin as a browser spells it: no path, no trailing slash, never `*` and never `null`. */
export function isOrigin(item: string): boolean {
  const parsed = URL.parse(item);
  return parsed !== null && /^https?:$/.test(parsed.protocol) && parsed.origin === item;
}

/** A host name or address, an IPv6 address in brackets, with or without a port. */
export function isHostEntry(item: string): boolean {
  const parsed = URL.parse(`http://${item}/`);
  if (parsed === null || parsed.pathname !== "/" || parsed.username !== "" || item.includes("*"))
    return false;
  return parsed.host === item.toLowerCase() || `${parsed.host}:80` === item.toLowerCase();
}

/** An address or a range of addresses in CIDR form. */
export function isAddressRange(item: string): boolean {
  const [address = "", bits, ...rest] = item.split("/");
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

/** Whether a host name or address (IPv6 with or without brackets) can only be this machine. */
export function isLoopbackHost(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  if (bare === "localhost" || bare.endsWith(".localhost")) return true;
  const version = isIP(bare);
  return version !== 0 && LOOPBACK.check(bare, version === 4 ? "ipv4" : "ipv6");
}

/** Where Redis is and how one is let in; `parseRedisUrl` says how it is spelled. */
export interface RedisAddress {
  readonly topology: "standalone" | "cluster" | "sentinel";
  readonly tls: boolean;
  /** One of a standalone server; any number of a cluster's nodes or of sentinels. */
  readonly nodes: readonly [RedisNode, ...RedisNode[]];
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Always 0 in a cluster. */
  readonly database: number;
  /** What sentinels call the master; empty elsewhere. */
  readonly masterName: string;
  /** Of the sentinels themselves. */
  readonly sentinelPassword: string | undefined;
}

export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

export const REDIS_URL_FORMS =
  "redis://[user:password@]host[:port][/database], redis+cluster://host:port,host:port or redis+sentinel://host:port,host:port/master-name[/database], each with rediss in place of redis for TLS";

const SHAPE = /^redis(s?)(\+cluster|\+sentinel)?:\/\/(?:([^@/]*)@)?([^@/?]+)(\/[^?]*)?(\?.*)?$/i;

/** Undefined for a text that is none of `REDIS_URL_FORMS`. */
export function parseRedisUrl(text: string): RedisAddress | undefined {
  const match = SHAPE.exec(text);
  if (match === null) return undefined;
  const [, secure, kind = "", credentials = "", hosts = "", path = "", query = ""] = match;
  const topology = kind === "" ? "standalone" : kind.toLowerCase() === "+cluster" ? "cluster" : "sentinel";
  const nodes = hosts.split(",").map((host) => readNode(host, topology === "sentinel" ? 26_379 : 6_379));
  const place = readPath(path, topology);
  const login = readCredentials(credentials);
  const params = new URLSearchParams(query);
  const known = topology === "sentinel" ? ["sentinel-password"] : [];
  if (place === undefined || login === undefined || [...params.keys()].some((key) => !known.includes(key))) {
    return undefined;
  }
  if (!nodes.every((node) => node !== undefined) || (topology === "standalone" && nodes.length > 1)) {
    return undefined;
  }
  return {
    topology,
    tls: secure !== "",
    nodes: nodes as [RedisNode, ...RedisNode[]],
    ...login,
    ...place,
    sentinelPassword: params.get("sentinel-password") ?? undefined,
  };
}

function readNode(text: string, port: number): RedisNode | undefined {
  const url = URL.parse(`redis://${text}`);
  if (url === null || url.hostname === "" || url.username !== "" || url.port === "0") return undefined;
  return { host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port: url.port === "" ? port : Number(url.port) };
}

function readPath(
  path: string,
  topology: RedisAddress["topology"],
): Pick<RedisAddress, "masterName" | "database"> | undefined {
  const words = path.split("/").slice(1);
  if (words.at(-1) === "") words.pop();
  const masterName = topology === "sentinel" ? words.shift() : "";
  const [database = "0", ...rest] = words;
  if (masterName === undefined || masterName.includes(" ") || rest.length > 0) return undefined;
  if (!/^\d{1,5}$/.test(database) || (topology === "cluster" && database !== "0")) return undefined;
  return { masterName, database: Number(database) };
}

function readCredentials(text: string): Pick<RedisAddress, "username" | "password"> | undefined {
  if (text === "") return { username: undefined, password: undefined };
  const colon = text.indexOf(":");
  if (colon === -1) return undefined;
  try {
    const username = decodeURIComponent(text.slice(0, colon));
    const password = decodeURIComponent(text.slice(colon + 1));
    return { username: username === "" ? undefined : username, password };
  } catch {
    return undefined;
  }
}

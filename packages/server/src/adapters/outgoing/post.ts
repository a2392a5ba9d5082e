import { lookup } from "node:dns/promises";
import { isIP, type LookupFunction, type Socket } from "node:net";
import { Agent, buildConnector } from "undici";
import type { Answer, Post } from "../../core/ports/webhook-targets.ts";
import { isOwnHost, mayConnectTo, type Reach } from "./reach.ts";
import { hostOf, type Resolve } from "./targets.ts";

export interface PostOptions extends Reach {
  /** For all of a request, its answer too. */
  readonly timeoutMs: number;
}

export interface Poster {
  readonly post: Post;
  close(): Promise<void>;
}

/** Of an answer so much is read; what is kept of it is less. */
const MAX_READ_BYTES = 64 * 1024;
const MAX_KEPT_CHARS = 500;
const MAX_HEADER_BYTES = 16 * 1024;
/** Sockets of one host. */
const MAX_SOCKETS = 16;
const IDLE_MS = 4_000;

export const systemResolve: Resolve = (host) => lookup(host, { all: true });

/**
 * Sends to where others say, without being led to where they may not: every address that a host resolves to must be
 * public, it is those addresses that are connected to, and the connected one is looked at again. No redirects are
 * followed, no proxy of the environment is asked, an answer is read up to 64 KiB and not unpacked.
 */
export function createPoster(options: PostOptions): Poster {
  const { resolve, timeoutMs } = options;
  const passes = (address: string): boolean => mayConnectTo(options, address);

  const guardedLookup: LookupFunction = (host, options, callback) => {
    resolve(host).then(
      (addresses) => {
        const [first] = addresses;
        if (first === undefined) callback(new Error("the host is not known"), "");
        else if (!addresses.every(({ address }) => passes(address))) callback(new PrivateAddress(), "");
        else if (options.all) callback(null, [...addresses]);
        else callback(null, first.address, first.family);
      },
      () => callback(new Error("the host is not known"), ""),
    );
  };
  const connect = buildConnector({
    lookup: guardedLookup,
    timeout: timeoutMs,
    allowH2: false,
  });
  const agent = new Agent({
    connections: MAX_SOCKETS,
    pipelining: 1,
    keepAliveTimeout: IDLE_MS,
    keepAliveMaxTimeout: IDLE_MS,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxHeaderSize: MAX_HEADER_BYTES,
    connect(wanted, callback) {
      // An address needs no look-up.
      const host = hostOf(wanted);
      if (isIP(host) !== 0 && !passes(host)) return callback(new PrivateAddress(), null);
      connect(wanted, (...[error, socket]) => {
        if (error !== null) return callback(error, null);
        if (passes((socket as Socket).remoteAddress ?? "")) return callback(null, socket as Socket);
        (socket as Socket).destroy();
        callback(new PrivateAddress(), null);
      });
    },
  });

  const post: Post = async ({ url, headers, body, signal }) => {
    const { origin, hostname, pathname, search } = new URL(url);
    if (isOwnHost(options, hostname)) {
      return { status: null, retryAfter: null, text: "the host is this server's own" };
    }
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const answer = await agent.request({
        origin,
        path: pathname + search,
        method: "POST",
        headers,
        body,
        signal: AbortSignal.any([timeout, signal]),
      });
      const retryAfter = answer.headers["retry-after"];
      return {
        status: answer.statusCode,
        retryAfter: typeof retryAfter === "string" ? retryAfter : null,
        text: await beginningOf(answer.body),
      };
    } catch (error) {
      if (signal.aborted) throw error;
      return { status: null, retryAfter: null, text: reasonOf(error, timeout.aborted) };
    }
  };
  return { post, close: () => agent.destroy() };
}

/** However an answer's body goes on, its status has been given: what breaks here breaks nothing. */
async function beginningOf(body: AsyncIterable<Buffer> & { destroy(): unknown }): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      if (size < MAX_KEPT_CHARS * 4) chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_READ_BYTES) break;
    }
  } catch {
    // Said above.
  }
  body.destroy();
  const text = Buffer.concat(chunks).toString("utf8");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
  return [...text.replace(/[\x00-\x1f\x7f-\x9f]+/g, " ").toWellFormed()].slice(0, MAX_KEPT_CHARS).join("");
}

class PrivateAddress extends Error {
  constructor() {
    super("the host is not on the public internet");
  }
}

/** Words of our own: a driver's may hold addresses of this network. */
function reasonOf(error: unknown, late: boolean): NonNullable<Answer["text"]> {
  if (late) return "no answer in time";
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof PrivateAddress) return cause.message;
    const code = "code" in cause ? String(cause.code) : "";
    if (/TIMEOUT/.test(code)) return "no answer in time";
    if (/CERT|SSL|TLS|SELF_SIGNED|VERIFY|ALTNAME/.test(code)) return `no trusted certificate (${code})`;
    if (/ECONN|EPIPE|ENOTFOUND|EHOST|ENET|UND_ERR|HPE/.test(code)) return `no answer (${code})`;
  }
  return error instanceof Error && error.message === "the host is not known" ? error.message : "no answer";
}

import { backoff, sleep } from "./backoff.ts";
import { asClientError, ClientError, isPassing, refusalOf } from "./errors.ts";
import type { Page } from "./model.ts";
import type { RestPage } from "./rest-shapes.ts";
import type { TokenSource } from "./token.ts";

const TIMEOUT_MS = 20_000;
const ATTEMPTS = 4;
/** Somebody waits for the answer: where it would be longer, they are told instead. */
const LONGEST_WAIT_MS = 5_000;

export interface RestOptions {
  readonly query?: Readonly<Record<string, string | number | boolean | null | undefined>>;
  readonly body?: unknown;
  readonly key?: string;
  readonly signal?: AbortSignal;
}

/** Requests to `/api/chat`. All of them may be repeated: they change nothing, or the same again, or have a key. */
export class Rest {
  readonly #url: string;
  readonly #tokens: TokenSource;

  /** @param url the server's, without a path */
  constructor(url: string, tokens: TokenSource) {
    this.#url = url;
    this.#tokens = tokens;
  }

  get = <T>(path: string, query: RestOptions["query"] = {}): Promise<T> =>
    this.request("GET", path, { query });
  put = <T>(path: string, options: RestOptions = {}): Promise<T> => this.request("PUT", path, options);
  post = <T>(path: string, options: RestOptions = {}): Promise<T> => this.request("POST", path, options);
  delete = <T>(path: string, options: RestOptions = {}): Promise<T> => this.request("DELETE", path, options);

  /** A page of a list, each of its items made into what is shown. */
  async page<T, U>(path: string, query: RestOptions["query"], shown: (item: T) => U): Promise<Page<U>> {
    const { items, nextCursor } = await this.get<RestPage<T>>(path, query);
    return { items: items.map((item) => shown(item)), nextCursor };
  }

  /** The answer's `data`. */
  async request<T>(method: string, path: string, options: RestOptions = {}): Promise<T> {
    return (await this.whole<T>(method, path, options)).data;
  }

  /** The whole answer, for what stands beside `data`. */
  async whole<T>(method: string, path: string, options: RestOptions = {}): Promise<{ readonly data: T }> {
    let renewed = false;
    for (let attempt = 1; ; attempt++) {
      const token = await this.#tokens.get();
      try {
        return await this.#once<T>(method, path, options, token);
      } catch (error) {
        const refusal = options.signal?.aborted
          ? new ClientError("aborted", "Aborted")
          : asClientError(error);
        if (refusal.code === "unauthenticated" && !renewed) {
          renewed = true;
          await this.#tokens.renew(token);
          continue;
        }
        const waitMs = refusal.retryAfter === undefined ? backoff(attempt) : refusal.retryAfter * 1_000;
        if (!isPassing(refusal) || attempt >= ATTEMPTS || waitMs > LONGEST_WAIT_MS) throw refusal;
        await sleep(waitMs);
      }
    }
  }

  async #once<T>(
    method: string,
    path: string,
    { query = {}, body, key, signal }: RestOptions,
    token: string,
  ): Promise<{ readonly data: T }> {
    const url = new URL(`${this.#url}/api/chat${path}`);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined && value !== null) url.searchParams.set(name, String(value));
    }
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(url, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { "content-type": "application/json" }),
        ...(key !== undefined && { "idempotency-key": key }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    });
    const answer: unknown = await response.json().catch(() => null);
    if (response.ok) return answer as { data: T };
    throw refusalOf(response.status, answer, response.headers.get("retry-after"));
  }
}

/** Ids stand in paths as they are, users' with whatever is in them. */
export const segment = encodeURIComponent;

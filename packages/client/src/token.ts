import { ClientError, refusalOf } from "./errors.ts";

/**
 * Asked for a token of the user's; null where they are signed out.
 * @param refused the one before, where it has ended or the server refused it: it is no use to give it again
 */
export type TokenFunction = (refused: string | null) => string | null | Promise<string | null>;

interface Claims {
  readonly sub?: string;
  readonly name?: string;
  readonly exp?: number;
  readonly iat?: number;
}

/** A token is renewed when a fifth of its life is left, at most five minutes before its end. */
const RENEW_BEFORE_MS = 5 * 60_000;

/** Keeps a token, asks for a newer one when it is told that this one no longer does. */
export class TokenSource {
  readonly #ask: TokenFunction;
  readonly #got: () => void;
  #token: string | null = null;
  #asked: Promise<string> | null = null;
  #renewAt = Number.POSITIVE_INFINITY;

  /** @param got there is another token */
  constructor(ask: TokenFunction, got: () => void) {
    this.#ask = ask;
    this.#got = got;
  }

  /** The one at hand; null before the first. */
  get current(): string | null {
    return this.#token;
  }

  /** Milliseconds until it should be renewed. */
  get renewInMs(): number {
    return this.#renewAt - Date.now();
  }

  /** Whom the token names, and what it calls them. */
  get user(): { readonly userId: string; readonly name: string | null } | null {
    const { sub, name = null } = claimsOf(this.#token ?? "");
    return sub === undefined ? null : { userId: sub, name };
  }

  /** The one at hand, or a first one. */
  async get(): Promise<string> {
    if (this.#token !== null && this.renewInMs > 0) return this.#token;
    return await this.renew(this.#token ?? undefined);
  }

  /** The server refused `refused`, or it is about to end: another one. Who asks meanwhile gets the same. */
  async renew(refused?: string): Promise<string> {
    if (refused !== undefined && this.#token !== null && this.#token !== refused) return this.#token;
    this.#asked ??= this.#fetch(refused ?? null).finally(() => {
      this.#asked = null;
    });
    return await this.#asked;
  }

  async #fetch(refused: string | null): Promise<string> {
    const token = await this.#ask(refused);
    if (token === null) throw new ClientError("unauthenticated", "Signed out");
    if (token === refused) throw new ClientError("unauthenticated", "The token is not valid");
    this.#token = token;
    const { exp, iat } = claimsOf(token);
    // By the token's own clock where it has one: this device's may be wrong.
    const lifeMs =
      exp === undefined
        ? Number.POSITIVE_INFINITY
        : exp * 1_000 - (iat === undefined ? Date.now() : iat * 1_000);
    this.#renewAt = Date.now() + lifeMs - Math.min(RENEW_BEFORE_MS, lifeMs / 5);
    this.#got();
    return token;
  }
}

/** What a token says; nothing is verified here. */
function claimsOf(token: string): Claims {
  try {
    const payload = token.split(".")[1] ?? "";
    const bytes = Uint8Array.from(atob(payload.replaceAll("-", "+").replaceAll("_", "/")), (c) =>
      c.charCodeAt(0),
    );
    return JSON.parse(new TextDecoder().decode(bytes)) as Claims;
  } catch {
    return {};
  }
}

/** In open mode the server makes tokens for whoever asks. */
export function openModeToken(url: string, user: string, name: string | undefined): TokenFunction {
  return async () => {
    const response = await fetch(`${url}/api/dev/token`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ user, ...(name !== undefined && { name }) }),
    });
    if (response.ok) return ((await response.json()) as { token: string }).token;
    throw refusalOf(response.status, await response.json().catch(() => null), null);
  };
}

import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { PollingSession } from "./polling-session.ts";
import type { Query } from "./routes.ts";

/** The sessions that HTTP requests take part in, by the id the client made up and by whom they belong to. */
export class SessionRegistry {
  readonly #maxPerAddress: number;
  readonly #sessions = new Map<string, PollingSession>();
  readonly #perAddress = new Map<string, number>();

  constructor(maxPerAddress: number) {
    this.#maxPerAddress = maxPerAddress;
  }

  get size(): number {
    return this.#sessions.size;
  }

  find(key: string): PollingSession | undefined {
    return this.#sessions.get(key);
  }

  hasRoomFor(address: string): boolean {
    return (this.#perAddress.get(address) ?? 0) < this.#maxPerAddress;
  }

  add(key: string, address: string, session: PollingSession): void {
    this.#sessions.set(key, session);
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
  }

  remove(key: string, address: string): void {
    this.#sessions.delete(key);
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left === 0) this.#perAddress.delete(address);
    else this.#perAddress.set(address, left);
  }
}

/** A session is found only by who shows what was shown at its opening: ids may be guessed, tokens not. */
export function keyOf(sessionId: string, headers: IncomingHttpHeaders, query: Query): string {
  const shown = [headers.authorization, headers["x-user-id"], query.token, query.access_token, query.user_id];
  if (shown.every((value) => value === undefined)) return sessionId;
  return `${sessionId} ${createHash("sha256").update(JSON.stringify(shown)).digest("base64")}`;
}

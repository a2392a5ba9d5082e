import type { Channel } from "./channel.ts";
import type { Session } from "./session.ts";

/** A user with at least one session on this node. */
export class LocalUser {
  readonly id: string;
  readonly sessions = new Set<Session>();
  readonly channels = new Map<number, Channel>();
  /** Conversations being joined: their catch-up has not been told yet. Null while there are none, as mostly. */
  joining: Map<number, Promise<void>> | null = null;
  /** Settles when memberships and their channels are loaded. */
  loaded: Promise<void> = Promise.resolve();
  readonly #recent = new Map<number, Told>();
  #only: Channel | null = null;
  #onlyTold: Told | null = null;

  constructor(id: string) {
    this.id = id;
  }

  /** Conversations that moved since the horizon: the greatest transaction told of each, and its clock then. */
  get recent(): ReadonlyMap<number, Readonly<Told>> {
    return this.#recent;
  }

  /** The one recent conversation, where it is one that the user is in. */
  get only(): Channel | null {
    return this.#only;
  }

  get onlyClock(): number {
    return this.#onlyTold?.clock ?? 0;
  }

  /** What was told of a conversation. */
  touch(channel: Channel, xid: number, clock: number): void {
    if (this.#only === channel && this.#onlyTold !== null) update(this.#onlyTold, xid, clock);
    else this.#note(channel.id, xid, clock, channel);
  }

  /** What was told of a conversation that the user is no longer in. */
  touchLeft(conversationId: number, xid: number, clock: number): void {
    this.#note(conversationId, xid, clock, null);
  }

  forget(conversationId: number): void {
    this.#recent.delete(conversationId);
    this.#only = null;
    this.#onlyTold = null;
  }

  #note(conversationId: number, xid: number, clock: number, channel: Channel | null): void {
    let told = this.#recent.get(conversationId);
    if (told === undefined) {
      told = { xid, clock };
      this.#recent.set(conversationId, told);
    } else update(told, xid, clock);
    const isOnly = this.#recent.size === 1 && channel !== null;
    this.#only = isOnly ? channel : null;
    this.#onlyTold = isOnly ? told : null;
  }
}

interface Told {
  xid: number;
  clock: number;
}

function update(told: Told, xid: number, clock: number): void {
  told.xid = Math.max(told.xid, xid);
  told.clock = clock;
}

import type { Channel } from "./channel.ts";
import type { Session } from "./session.ts";

/** A user with at least one session on this node. */
export class LocalUser {
  readonly id: string;
  readonly sessions = new Set<Session>();
  readonly channels = new Map<number, Channel>();
  /** Conversations being joined: their catch-up has not been told yet. */
  readonly joining = new Map<number, Promise<void>>();
  /** Conversations that moved since the horizon, the greatest transaction told of each, and its clock then. */
  readonly recent = new Map<number, { xid: number; clock: number }>();
  /** Settles when memberships and their channels are loaded. */
  loaded: Promise<void> = Promise.resolve();

  constructor(id: string) {
    this.id = id;
  }

  /** What was told of this conversation. */
  touch(conversationId: number, xid: number, clock: number): void {
    const known = this.recent.get(conversationId);
    if (known === undefined) this.recent.set(conversationId, { xid, clock });
    else {
      known.xid = Math.max(known.xid, xid);
      known.clock = clock;
    }
  }
}

import { Refusal } from "@parlance/protocol/errors.ts";
import type { Caller } from "../core/caller.ts";
import type { TickReader } from "../core/ports/tick-reader.ts";
import type { Presence } from "../core/presence/presence.ts";
import { refuseStoreError } from "../core/store-refusal.ts";
import type { UserDirectory } from "../core/users/user-directory.ts";
import { type CatchUpReport, catchUp, type ResumeWish } from "./catch-up.ts";
import type { Hub } from "./hub.ts";
import type { Outlet } from "./outlet.ts";
import type { Session } from "./session.ts";

/** A connection that hears of all its user's conversations. */
export interface Listening extends Told {
  /**
   * Another session for the same connection, as if it listened once more: what one part of it is to be told from
   * further back than the rest.
   */
  beside(outlet: Outlet): Promise<Told>;
}

/** What is told to a connection, or to a part of it. */
export interface Told {
  readonly session: Session;
  /** The position of what this connection was told, or will have been when what is kept back is let go. */
  position(): string;
  /** The same for a connection that has been told nothing yet: forgets what was kept back so far. */
  startPosition(): string;
  readonly epoch: () => string;
  /** Tells everything missed since then; `finish` comes before anything live. */
  resume(wish: ResumeWish, finish: (report: CatchUpReport) => Promise<void>): Promise<void>;
  close(): void;
}

/**
 * The door's third way: to be told. The session keeps back live events until `session.release()`.
 * Rejects with a `Refusal`.
 */
export type Listen = (caller: Caller, outlet: Outlet) => Promise<Listening>;

/** Told to close the connection with its own code: more connections than one user may have. */
export class TooManySessions extends Refusal {
  constructor() {
    super("rate_limited", "This user has too many connections");
  }
}

export function createListen(parts: {
  readonly hub: Hub;
  readonly reader: TickReader;
  readonly presence: Presence;
  readonly users: UserDirectory;
}): Listen {
  const { hub, presence } = parts;

  const attach = async (userId: string, outlet: Outlet): Promise<Told> => {
    const session = await hub.attach(userId, outlet).catch(() => {
      throw new Refusal("unavailable", "The store cannot be reached, try again", 1);
    });
    return {
      session,
      position: () => hub.horizon.positionOf(session.user),
      startPosition() {
        const position = hub.horizon.positionOf(session.user);
        session.startHere(position);
        return position;
      },
      epoch: () => hub.horizon.epoch,
      async resume(wish, finish) {
        try {
          await catchUp(parts, session, wish, finish);
        } catch (error) {
          // Live events now would leave a hole behind them that no position tells of.
          session.end("restart");
          refuseStoreError(error);
        }
      },
      close: () => hub.detach(session),
    };
  };

  return async (caller, outlet) => {
    const { userId } = caller;
    if (userId === null) throw new Refusal("unauthenticated", "The connection names no user");
    try {
      await parts.users.arrive(caller);
    } catch (error) {
      refuseStoreError(error);
    }
    // In one go with attaching, or many that come at once would all find room.
    if (!hub.mayAttach(userId)) throw new TooManySessions();
    const told = await attach(userId, outlet);
    presence.opened(userId, told.session.id);
    return {
      ...told,
      beside: (other) => attach(userId, other),
      close() {
        const audience = hub.smallConversations(userId);
        told.close();
        presence.closed(userId, told.session.id, audience);
      },
    };
  };
}

import type { Door } from "../core/door.ts";
import type { Log } from "../core/ports/log.ts";
import type { Listen } from "../delivery/listen.ts";
import type { Identity } from "../http/identity.ts";
import type { Listener } from "../http/listener.ts";

/** What every dialect is given: the ways in, and who somebody is. */
export interface DialectParts {
  readonly door: Door;
  readonly listen: Listen;
  readonly identity: Identity;
  readonly log: Log;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** One document's contract, complete: transport, codec and REST. */
export interface Dialect {
  readonly name: string;
  /** Adds its routes and upgrade paths; before the listener listens. */
  mount(listener: Listener): void;
  /** Tells its clients to come back and closes their connections. */
  drain(): Promise<void>;
}

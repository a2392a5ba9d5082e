import type { DialectName } from "@parlance/protocol/dialect-names.ts";
import type { Door } from "../core/door.ts";
import type { Log } from "../core/ports/log.ts";
import type { Listen } from "../delivery/listen.ts";
import type { Identity } from "../http/identity.ts";
import type { RawRoute } from "../http/raw-routes.ts";
import type { RouteScope } from "../http/scopes.ts";
import type { SignedLinks } from "../http/signed-links.ts";
import type { SessionOf } from "../http/sticky.ts";
import type { UpgradePath } from "../http/upgrades.ts";

/** What every dialect is given: the ways in, and who somebody is. */
export interface DialectParts {
  readonly door: Door;
  readonly listen: Listen;
  readonly identity: Identity;
  readonly links: SignedLinks;
  readonly log: Log;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Whether a session of that name, which further requests go on with, would live in this process. */
  readonly isOurs: (session: string) => boolean;
}

/**
 * One document's contract, complete. What it hears of is told to its connections through an `Outlet`, in the words
 * of its `Codec` (delivery/outlet.ts).
 */
export interface Dialect {
  readonly name: DialectName;
  /** Its REST, and the form of its errors. */
  readonly scopes: readonly RouteScope[];
  /** Where its sockets are opened. */
  readonly upgrades: readonly UpgradePath[];
  /** Where its sessions are made of several requests, the name of the one that a request goes on with. */
  readonly sessionOf?: SessionOf;
  /** Requests it answers by itself, past the framework: a transport of its own, or a path that must be lean. */
  readonly raw: readonly RawRoute[];
  /** Tells its clients to come back and closes their connections. */
  drain(): Promise<void>;
}

import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Log } from "../core/ports/log.ts";
import { answer, hasTooManyHeaders } from "./answers.ts";
import type { Origins } from "./origins.ts";
import { refuse } from "./refuse.ts";
import { pathOf, queryOf, type ScopeRegister } from "./scopes.ts";
import type { ErrorAnswer } from "./status.ts";
import type { UnderWay } from "./under-way.ts";

/** A request to open a WebSocket that may be opened as far as path, method and origin go. */
export interface UpgradeRequest {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What the client sent after its headers already. */
  readonly head: Buffer;
  /** The parsed query; a name that comes twice has a list. */
  readonly query: Readonly<Record<string, string | string[]>>;
}

export type UpgradeHandler = (upgrade: UpgradeRequest) => void | Promise<void>;

/** Where sockets are opened. */
export interface UpgradePath {
  readonly path: string;
  /** `prefix`: every path that starts with the given one. */
  readonly match: "exact" | "prefix";
  readonly handle: UpgradeHandler;
}

export interface Upgrades {
  add(path: UpgradePath): void;
  knows(path: string): boolean;
  handle(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Ends every connection that was upgraded and is still open. */
  destroyAll(): void;
}

export function createUpgrades(
  origins: Origins,
  scopes: ScopeRegister,
  underWay: UnderWay,
  log: Log,
): Upgrades {
  const exact = new Map<string, UpgradeHandler>();
  const prefixes: [string, UpgradeHandler][] = [];
  const sockets = new Set<Duplex>();

  const handlerOf = (path: string): UpgradeHandler | undefined =>
    exact.get(path) ?? prefixes.find(([prefix]) => path.startsWith(prefix))?.[1];

  function refusalOf(request: IncomingMessage): ErrorAnswer | null {
    if (hasTooManyHeaders(request)) return answer(431, "invalid", "The request has too many headers");
    const refused = origins.upgradeRefusal(request.headers);
    if (refused !== null) return answer(403, "forbidden", refused);
    if (request.method !== "GET" || request.headers.upgrade?.toLowerCase() !== "websocket") {
      return answer(400, "invalid", "Only a GET can be upgraded, and only to websocket");
    }
    return null;
  }

  const refuseNowhere: UpgradeHandler = ({ request, socket }) => {
    const nowhere = answer(404, "not_found", "There is nothing at this path");
    refuse(socket, nowhere, scopes.scopeOf(pathOf(request.url)).errorShape(nowhere));
  };

  function handle(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    // Without a listener a reset connection would end the process.
    socket.on("error", () => socket.destroy());
    const path = pathOf(request.url);
    const refused = refusalOf(request);
    underWay.after(socket, () => {
      if (refused !== null) return refuse(socket, refused, scopes.scopeOf(path).errorShape(refused));
      void run(handlerOf(path) ?? refuseNowhere, { request, socket, head, query: queryOf(request.url) });
    });
  }

  async function run(handler: UpgradeHandler, upgrade: UpgradeRequest): Promise<void> {
    try {
      await handler(upgrade);
    } catch (error) {
      log.error({ error }, "A connection could not be upgraded");
      upgrade.socket.destroy();
    }
  }

  return {
    add({ path, match, handle }) {
      if (match === "exact") exact.set(path, handle);
      else prefixes.push([path, handle]);
    },
    knows: (path) => handlerOf(path) !== undefined,
    handle,
    destroyAll() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Whether Node hands a request over as upgrade. HTTP/2 is offered by some clients on every request: ignored. */
export function isUpgrade({ headers }: IncomingMessage): boolean {
  return headers.upgrade !== undefined && !/^h2c?\b/i.test(headers.upgrade);
}

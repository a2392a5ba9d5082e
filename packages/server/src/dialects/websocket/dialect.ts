import { CLOSE_CODES } from "@parlance/protocol/close-codes.ts";
import { Refusal } from "@parlance/protocol/errors.ts";
import type { Caller } from "../../core/caller.ts";
import { startHeartbeat } from "../../http/heartbeat.ts";
import type { UpgradeRequest } from "../../http/upgrades.ts";
import { createWebSocketAcceptor, type WebSocketEvents } from "../../http/websocket-transport.ts";
import type { Dialect, DialectParts } from "../dialect.ts";
import { Connection, type ConnectionLimits, errorFrame, visitSeconds } from "./connection.ts";
import { restScope } from "./rest.ts";

/** The websocket dialect: JSON events over `/ws`, history and inbox under `/api/v1/chat` and `/api/v1/chats`. */
export function createWebSocketDialect(
  parts: DialectParts,
  limits: ConnectionLimits & { readonly maxFrameBytes: number },
): Dialect {
  const acceptor = createWebSocketAcceptor({ ...limits, greets: true });
  const heartbeat = startHeartbeat(visitSeconds(limits.heartbeatSeconds) * 1_000);
  const connections = new Set<Connection>();

  const accept = async (upgrade: UpgradeRequest): Promise<void> => {
    const { headers } = upgrade.request;
    let caller: Caller;
    try {
      caller = await parts.identity.identify({ headers, query: upgrade.query, socket: true });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      refuse(upgrade, error);
      return;
    }
    acceptor.accept(upgrade, (transport) => {
      const gone = (connection: Connection): void => {
        connections.delete(connection);
        heartbeat.remove(connection);
      };
      const connection = new Connection({ parts, caller, transport, limits, gone });
      connections.add(connection);
      heartbeat.add(connection);
      void connection.open();
      return connection;
    });
  };

  /** Browsers cannot see the status of a refused upgrade: it is completed, and says why. */
  const refuse = (upgrade: UpgradeRequest, refusal: Refusal): void =>
    acceptor.accept(upgrade, (transport) => {
      transport.write([errorFrame(new Refusal("unauthenticated", refusal.message))]);
      transport.close(CLOSE_CODES.unauthenticated, "unauthenticated");
      return DEAF;
    });

  return {
    name: "websocket",
    scopes: [restScope(parts)],
    upgrades: [{ path: "/ws", match: "exact", handle: accept }],
    raw: [],
    async drain() {
      heartbeat.stop();
      for (const connection of connections) connection.end("restart");
    },
  };
}

const DEAF: WebSocketEvents = { text() {}, binary() {}, alive() {}, closed() {} };

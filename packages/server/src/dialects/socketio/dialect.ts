import { startHeartbeat } from "../../http/heartbeat.ts";
import type { Dialect, DialectParts } from "../dialect.ts";
import { Connection, type ConnectionLimits, VISIT_SECONDS } from "./connection.ts";
import { Engine, type EngineLimits } from "./engine.ts";
import { restScope } from "./rest.ts";

const PATH = "/socket.io/";

/** The socketio dialect: Socket.IO v4 under `/socket.io/`, history and conversations under `/messages`. */
export function createSocketIoDialect(parts: DialectParts, limits: ConnectionLimits & EngineLimits): Dialect {
  const heartbeat = startHeartbeat(VISIT_SECONDS * 1_000);
  const connections = new Set<Connection>();
  const gone = (connection: Connection): void => {
    connections.delete(connection);
    heartbeat.remove(connection);
  };
  const engine = new Engine(limits, parts.isOurs, (link) => {
    const connection = new Connection({ parts, link, limits, gone });
    connections.add(connection);
    heartbeat.add(connection);
  });

  return {
    name: "socketio",
    scopes: [restScope(parts)],
    sessionOf: (path, { sid }) => (path.startsWith(PATH) && typeof sid === "string" ? sid : null),
    upgrades: [
      {
        path: PATH,
        match: "prefix",
        handle: ({ request, socket, head }) => engine.handleUpgrade(request, socket, head),
      },
    ],
    raw: [
      {
        path: PATH,
        match: "prefix",
        methods: ["GET", "POST"],
        handle: (request, response) => engine.handleRequest(request, response),
      },
    ],
    async drain() {
      heartbeat.stop();
      engine.refuse();
      for (const connection of connections) connection.end("restart");
    },
  };
}

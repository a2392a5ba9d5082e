import { Refusal } from "@parlance/protocol/errors.ts";
import { Registry } from "prom-client";
import { Type } from "typebox";
import { WebSocketServer } from "ws";
import { type Config, loadConfig } from "../../config.ts";
import { sendJson } from "../answers.ts";
import { createIdentity, type Identity } from "../identity.ts";
import { createListener, type Listener } from "../listener.ts";
import { createLog } from "../log.ts";
import type { RouteScope } from "../scopes.ts";
import { sharedRoutes } from "../shared-routes.ts";

export const SECRET = "q8Zr3vNw0LkTj5XbYd2HsGf7UcPe9MaV4oRi";

export interface Running {
  readonly url: string;
  readonly listener: Listener;
  readonly identity: Identity;
  /** What has been logged. */
  readonly lines: string[];
}

const running: Running[] = [];

/** Ends all listeners that this test file started. */
export async function drainAll(): Promise<void> {
  await Promise.all(running.map(({ listener }) => listener.drain(100)));
}

/** A real listener with the shared routes, a scope under `/things` with an error form of its own, and an echo at `/ws`. */
export async function start(
  env: Record<string, string>,
  scopes: readonly RouteScope[] = [],
): Promise<Running> {
  const config: Config = loadConfig({ PORT: "0", LOG_LEVEL: "debug", ...env }, []);
  const lines: string[] = [];
  const log = createLog(config, { write: (line) => lines.push(line) }, false);
  const identity = createIdentity({
    mode: config.mode,
    keys: { secret: config.jwtSecret ?? SECRET },
    issuer: null,
    audience: null,
    now: Date.now,
    log,
  });
  const listener = createListener(config, log);
  const ready = async () => ({ ok: env.READY !== "no", store: "embedded" });
  const metrics = new Registry();
  listener.addScope(
    sharedRoutes({
      process: "test",
      mode: config.mode,
      version: "1.2.3",
      identity,
      ready,
      metrics,
      allMetrics: () => metrics.metrics(),
      describe: () => listener.describe("1.2.3"),
    }),
  );
  const Body = Type.Object({ content: Type.String(), count: Type.Optional(Type.Integer()) });
  listener.addScope({
    prefixes: ["/things", "/ws"],
    errorShape: ({ code, message }) => ({ success: false, code, message }),
    status: { not_participant: 403 },
    routes(app) {
      app.post("/things", { schema: { body: Body } }, async ({ body }) => ({ got: body }));
      app.get(
        "/things",
        { schema: { querystring: Type.Object({ limit: Type.Optional(Type.Integer()) }) } },
        async (r) => r.query,
      );
      app.delete(
        "/things/:id",
        { schema: { params: Type.Object({ id: Type.Integer() }) } },
        async (r) => r.params,
      );
      app.get("/things/slow", async () => {
        await new Promise((resolve) => setTimeout(resolve, 300));
        return { slow: true };
      });
      app.get("/things/fail/:how", async ({ params }) => {
        const { how } = params as { how: string };
        if (how === "foreign") throw new Refusal("not_participant", "Not yours");
        if (how === "busy") throw new Refusal("overloaded", "Too much at once", 2.4);
        throw new Error(`select secret from canary_table at /home/canary ${how}`);
      });
      app.get("/things/me", (r) => identity.identify({ headers: r.headers, query: r.query }));
    },
  });
  scopes.forEach(listener.addScope);
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 1024 });
  listener.addUpgrade({
    path: "/ws",
    match: "exact",
    handle: ({ request, socket, head }) =>
      sockets.handleUpgrade(request, socket, head, (ws) => {
        ws.on("error", () => {});
        ws.on("message", (data) => ws.send(String(data)));
      }),
  });
  listener.addUpgrade({
    path: "/prefix/",
    match: "prefix",
    handle: ({ socket }) => void socket.end("HTTP/1.1 299 Mine\r\n\r\n"),
  });
  listener.addRaw({
    path: "/raw/",
    match: "prefix",
    methods: ["GET", "POST"],
    handle: (request, response) => sendJson(response, 200, JSON.stringify({ raw: request.url })),
  });
  const server = { url: await listener.listen(), listener, identity, lines };
  running.push(server);
  return server;
}

/** The request that opens a WebSocket, as text. */
export const upgrade = (path: string, more = "", key = "dGhlIHNhbXBsZSBub25jZQ==", method = "GET"): string =>
  `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
  `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n${more}\r\n`;

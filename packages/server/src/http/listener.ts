import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { Config } from "../config.ts";
import type { Log } from "../core/ports/log.ts";
import { StartupError } from "../core/ports/startup-error.ts";
import { refusalOf } from "./admission.ts";
import { answer, SECURITY_HEADERS, sendError, setCorsHeaders } from "./answers.ts";
import { type ApiDocument, type DescribedRoute, describeApi } from "./api-document.ts";
import { type App, createApp } from "./app.ts";
import { createOrigins } from "./origins.ts";
import { createRawRoutes, type RawRoute } from "./raw-routes.ts";
import { answerClientError, refuse } from "./refuse.ts";
import { createScopeRegister, pathOf, type RouteScope } from "./scopes.ts";
import { sharedErrorShape } from "./status.ts";
import type { SessionOf, Sticky } from "./sticky.ts";
import { createUnderWay } from "./under-way.ts";
import { createUpgrades, isUpgrade, type UpgradePath } from "./upgrades.ts";

export type ListenerConfig = Pick<
  Config,
  "mode" | "host" | "port" | "allowedOrigins" | "openModeHosts" | "trustProxy" | "maxBodyBytes" | "logLevel"
>;

/** The one port that all dialects share. Everything is added before it listens. */
export interface Listener {
  readonly app: App;
  /** All that can be asked for, as it is now. */
  describe(version: string): ApiDocument;
  addScope(scope: RouteScope): void;
  addUpgrade(path: UpgradePath): void;
  addRaw(route: RawRoute): void;
  /** Of requests that go on with a session, where several processes share the port. */
  addSessions(sessionOf: SessionOf): void;
  /** Opens the port; resolves to the URL it answers at. Throws a StartupError where the port cannot be had. */
  listen(): Promise<string>;
  /**
   * Takes no more connections, lets running requests end, and asks with `Connection: close` for the end of
   * those connections that are still used. Resolves when all are closed, upgraded ones too; what is still
   * open after `withinMs` is cut.
   */
  drain(withinMs: number): Promise<void>;
}

const HEADERS_TIMEOUT_MS = 10_000;
const BODY_TIMEOUT_MS = 30_000;
/** Of uploads, and of what else a body's timeout does not end. */
const REQUEST_TIMEOUT_MS = 600_000;
/** How often Node looks for requests over these times; its default of 30 s would make 10 s mean 40 s. */
const TIMEOUT_CHECK_MS = 1000;
/** Over the 60 s after which common proxies give up an idle connection: the proxy should be first. */
const KEEP_ALIVE_MS = 72_000;
/** Also of an upgrade request; a token of 8 KiB and a long URL fit in. */
const MAX_HEADER_BYTES = 16_384;
/** Connections that wait to be accepted: after a restart all come at once. */
const BACKLOG = 1024;
const IDLE_CHECK_MS = 50;
/** The process that had the session is being started again, and its sessions went with it. */
const GONE = answer(503, "unavailable", "The session's process is gone: connect again");
const NO_HOST = answer(400, "invalid", "The request has no Host header");
const NO_PROXY = answer(405, "invalid", "The server is no proxy");

/** @param sticky null where this process has the port for itself */
export function createListener(config: ListenerConfig, log: Log, sticky: Sticky | null = null): Listener {
  const origins = createOrigins(config);
  const scopes = createScopeRegister();
  const underWay = createUnderWay();
  const upgrades = createUpgrades(origins, scopes, underWay, log);
  const rawRoutes = createRawRoutes();
  const nodePart = randomBytes(4).toString("hex");
  let requests = 0;
  const requestId = (): string => `${nodePart}-${(++requests).toString(36)}`;
  let draining = false;
  /** Takes what the other processes hand over. */
  const handedOver: Server[] = [];

  const app = createApp({
    config,
    log,
    origins,
    scopes,
    isUpgradePath: upgrades.knows,
    onClientError: (error, socket) => underWay.after(socket, () => answerClientError(error, socket)),
    requestId,
    makeServer(handler) {
      const handle = (request: IncomingMessage, response: ServerResponse): void => {
        for (const name in SECURITY_HEADERS) {
          response.setHeader(name, SECURITY_HEADERS[name as keyof typeof SECURITY_HEADERS]);
        }
        setCorsHeaders(request, response, origins);
        if (draining) response.setHeader("connection", "close");
        underWay.note(request, response);
        const path = pathOf(request.url);
        if (!scopes.isUpload(path)) watchBody(request);
        if (request.headers.host === undefined && request.httpVersion !== "1.0") {
          response.setHeader("connection", "close");
          sendError(response, NO_HOST, scopes.scopeOf(path).errorShape(NO_HOST));
          return;
        }
        const raw = rawRoutes.find(path, request.method ?? "");
        if (raw === undefined) {
          handler(request, response);
          return;
        }
        response.setHeader("x-request-id", requestId());
        const refused = refusalOf(request, origins);
        if (refused === null) raw.handle(request, response);
        else sendError(response, refused, scopes.scopeOf(path).errorShape(refused));
      };
      // What was handed over is not handed on: it came to where it belongs.
      if (sticky !== null) handedOver.push(makeServer(handle));
      return makeServer((request, response) => {
        const lost = (error: Error): void => {
          log.warn({ error }, "a request could not be handed over to its session's process");
          const shape = scopes.scopeOf(pathOf(request.url)).errorShape(GONE);
          sendError(response, GONE, shape);
        };
        if (!sticky?.pass(request, response, lost)) handle(request, response);
      });
    },
  });
  const { server } = app;
  const described: DescribedRoute[] = [];
  app.addHook("onRoute", ({ url, method, schema }) => {
    described.push({ url, methods: [method].flat(), schema: schema as DescribedRoute["schema"] });
  });

  /** Ends a request whose body does not come to its end in time. */
  function watchBody(request: IncomingMessage): void {
    const { headers } = request;
    if ((headers["content-length"] ?? "0") === "0" && headers["transfer-encoding"] === undefined) return;
    const timer = setTimeout(() => {
      if (!request.complete) server.emit("clientError", tooSlow(), request.socket);
    }, BODY_TIMEOUT_MS);
    request.once("close", () => clearTimeout(timer));
  }

  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (!sticky?.passUpgrade(request, socket, head)) upgrades.handle(request, socket, head);
  });
  for (const one of handedOver) one.on("upgrade", upgrades.handle);

  async function drain(withinMs: number): Promise<void> {
    draining = true;
    const servers = [server, ...handedOver];
    const closed = servers.map((one) => new Promise<void>((resolve) => one.close(() => resolve())));
    const idleCheck = setInterval(() => {
      for (const one of servers) one.closeIdleConnections();
    }, IDLE_CHECK_MS);
    const limit = setTimeout(() => {
      for (const one of servers) one.closeAllConnections();
      upgrades.destroyAll();
    }, withinMs);
    await Promise.all(closed);
    clearInterval(idleCheck);
    clearTimeout(limit);
    await app.close();
  }

  return {
    app,
    describe: (version) => describeApi(described, version, (path) => scopes.scopeOf(path).errorShape),
    addScope(scope) {
      scopes.add(scope);
      app.register((own, _, done) => {
        scope.routes(own);
        done();
      });
    },
    addUpgrade: upgrades.add,
    addRaw(route) {
      rawRoutes.add(route);
      if (route.match === "exact") described.push({ url: route.path, methods: route.methods });
      scopes.addRoute(route.match === "prefix" ? `${route.path}*` : route.path, route.methods);
    },
    addSessions: (sessionOf) => sticky?.add(sessionOf),
    async listen() {
      await app.ready();
      for (const one of handedOver) await sticky?.listen(one);
      const { address, family, port } = await openPort(server, config.host, config.port);
      return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
    },
    drain,
  };
}

function makeServer(handler: (request: IncomingMessage, response: ServerResponse) => void): Server {
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      noDelay: true,
      // Looked for by ourselves, as Node's own answer says nothing.
      requireHostHeader: false,
      shouldUpgradeCallback: isUpgrade,
    },
    handler,
  );
  // One may pass over what else is expected than 100-continue; Node's refusal of it has no body.
  server.on("checkExpectation", handler);
  server.on("connect", (_, socket) => refuse(socket, NO_PROXY, sharedErrorShape(NO_PROXY)));
  // Counted by ourselves: Node would drop the rest silently.
  server.maxHeadersCount = 0;
  return server;
}

/** As Node's own looks. */
const tooSlow = (): Error =>
  Object.assign(new Error("Request timeout"), { code: "ERR_HTTP_REQUEST_TIMEOUT" });

async function openPort(server: Server, host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      const why = error.code === "EADDRINUSE" ? "another program has it" : (error.code ?? error.message);
      reject(new StartupError(`PORT: ${host}:${port} cannot be listened on (${why})`));
    };
    server.once("error", onError);
    server.listen({ host, port, backlog: BACKLOG }, () => {
      server.off("error", onError);
      resolve(server.address() as AddressInfo);
    });
  });
}

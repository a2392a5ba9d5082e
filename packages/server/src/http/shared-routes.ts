import { Refusal } from "@parlance/protocol/errors.ts";
import { isDisplayName, isUserId } from "@parlance/protocol/user-id.ts";
import type { FastifyRequest } from "fastify";
import { collectDefaultMetrics, type Registry } from "prom-client";
import { Type } from "typebox";
import { isLoopbackHost } from "../config/kinds.ts";
import type { Mode } from "../config.ts";
import type { ApiDocument } from "./api-document.ts";
import type { App } from "./app.ts";
import { DOCS_CSP, docsPage } from "./docs-page.ts";
import type { Identity } from "./identity.ts";
import type { RouteScope } from "./scopes.ts";
import { sharedErrorShape } from "./status.ts";

export interface Readiness {
  /** Whether messages can be stored now. */
  readonly ok: boolean;
  /** What else `/ready` should say; no user data. */
  readonly [detail: string]: unknown;
}

export interface SharedRoutes {
  readonly mode: Mode;
  readonly version: string;
  /** Names this process among others. */
  readonly process: string;
  readonly identity: Identity;
  readonly ready: () => Promise<Readiness>;
  /** Of this process. */
  readonly metrics: Registry;
  /** What `/metrics` answers: of all processes that share the port. */
  readonly allMetrics: () => Promise<string>;
  readonly describe: () => ApiDocument;
}

const READY_TIMEOUT_MS = 2000;
/** Between two samples of the event loop's delay: at 10 ms, the usual, they took a tenth of a core at rest. */
const LOOP_SAMPLE_MS = 100;
const TOKEN_SECONDS = 24 * 3600;
const PROXY_HEADERS = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];

const TokenRequest = Type.Object({ user: Type.String(), name: Type.Optional(Type.String()) });

/** What belongs to no dialect: health, readiness, metrics, docs and, in open mode, tokens for developers. */
export function sharedRoutes(parts: SharedRoutes): RouteScope {
  collectDefaultMetrics({ register: parts.metrics, eventLoopMonitoringPrecision: LOOP_SAMPLE_MS });
  return {
    prefixes: ["/health", "/ready", "/metrics", "/docs", "/api/dev"],
    errorShape: sharedErrorShape,
    routes: (app) => addRoutes(app, parts),
  };
}

function addRoutes(app: App, parts: SharedRoutes): void {
  const { mode, version, identity, ready, metrics, describe } = parts;
  app.get("/health", async () => ({
    status: "healthy",
    success: true,
    data: { status: "healthy" },
    version,
    process: parts.process,
    uptime: Math.floor(process.uptime()),
  }));

  app.get("/ready", async (_, reply) => {
    const { ok, ...details } = await readyWithin(ready, READY_TIMEOUT_MS);
    return reply.code(ok ? 200 : 503).send({ status: ok ? "ready" : "not ready", ...details });
  });

  app.get("/metrics", async (request, reply) => {
    if (!isLocal(request)) {
      const { rights } = await identity.identify({ headers: request.headers, query: request.query });
      if (rights !== "service")
        throw new Refusal("forbidden", "Metrics are for this machine and service tokens");
    }
    return reply.type(metrics.contentType).send(await parts.allMetrics());
  });

  app.get("/docs", async ({ headers, query }, reply) => {
    await identity.identify({ headers, query });
    return reply
      .header("content-security-policy", DOCS_CSP)
      .type("text/html; charset=utf-8")
      .send(docsPage(describe()));
  });
  app.get("/docs/openapi.json", async ({ headers, query }) => {
    await identity.identify({ headers, query });
    return describe();
  });

  if (mode === "open") {
    app.post(
      "/api/dev/token",
      { schema: { body: TokenRequest } },
      async ({ body: { user, name = null } }) => {
        if (!isUserId(user))
          throw new Refusal("invalid", "user must be 1 to 128 characters without control characters");
        if (name !== null && !isDisplayName(name)) {
          throw new Refusal("invalid", "name must be 1 to 128 characters without control characters");
        }
        return { token: await identity.mintToken({ id: user, name }, TOKEN_SECONDS) };
      },
    );
  }
}

/** From this machine, by its own name and through no proxy, which would make the whole world local. */
function isLocal({ raw, headers }: FastifyRequest): boolean {
  const address = raw.socket.remoteAddress ?? "";
  const host = URL.parse(`http://${headers.host}/`)?.hostname ?? "";
  const bare = address.replace(/^::ffff:/, "");
  return (
    isLoopbackHost(bare) && isLoopbackHost(host) && PROXY_HEADERS.every((name) => headers[name] === undefined)
  );
}

async function readyWithin(ready: () => Promise<Readiness>, ms: number): Promise<Readiness> {
  const { promise: late, resolve } = Promise.withResolvers<Readiness>();
  const timer = setTimeout(() => resolve({ ok: false, reason: "no answer in time" }), ms);
  try {
    return await Promise.race([ready(), late]);
  } catch {
    return { ok: false, reason: "the store cannot be asked" };
  } finally {
    clearTimeout(timer);
  }
}

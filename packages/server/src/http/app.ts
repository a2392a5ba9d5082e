import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { LostAnswer } from "@parlance/protocol/errors.ts";
import {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyTypeProvider,
  fastify,
} from "fastify";
import type { Static, TSchema } from "typebox";
import type { Config } from "../config.ts";
import type { Log } from "../core/ports/log.ts";
import { refusalOf } from "./admission.ts";
import { answer, answerHeaders, answerOf, preflightHeaders } from "./answers.ts";
import type { Origins } from "./origins.ts";
import { checkJsonType, readJson } from "./read-json.ts";
import { pathOf, type ScopeRegister } from "./scopes.ts";
import type { ErrorAnswer } from "./status.ts";
import { compileValidator } from "./validation.ts";

/** A route's types follow from its TypeBox schema. */
export interface TypeBoxProvider extends FastifyTypeProvider {
  readonly validator: this["schema"] extends TSchema ? Static<this["schema"]> : unknown;
  readonly serializer: this["schema"] extends TSchema ? Static<this["schema"]> : unknown;
}

export type App = FastifyInstance<
  Server,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxProvider
>;

export interface AppParts {
  readonly config: Pick<Config, "maxBodyBytes" | "trustProxy" | "logLevel">;
  readonly log: Log;
  readonly origins: Origins;
  readonly scopes: ScopeRegister;
  /** Paths that only sockets are opened at. */
  readonly isUpgradePath: (path: string) => boolean;
  /** Broken HTTP, for which there is no request yet. */
  readonly onClientError: (error: NodeJS.ErrnoException, socket: Duplex) => void;
  /** Names each request anew, for logs. */
  readonly requestId: () => string;
  readonly makeServer: (handler: (request: IncomingMessage, response: ServerResponse) => void) => Server;
}

/** 128 characters of four bytes each, percent-encoded. */
const MAX_PARAM_LENGTH = 1536;

export function createApp({
  config,
  log,
  origins,
  scopes,
  isUpgradePath,
  onClientError,
  requestId,
  makeServer,
}: AppParts): App {
  const app: App = fastify({
    serverFactory: makeServer,
    bodyLimit: config.maxBodyBytes,
    trustProxy: config.trustProxy.length > 0 ? [...config.trustProxy] : false,
    genReqId: requestId,
    // During a drain requests on open connections are still served.
    return503OnClosing: false,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    clientErrorHandler: onClientError,
    frameworkErrors: (error, request, reply) => sendError(request, reply, answerOf(error)),
  }).withTypeProvider<TypeBoxProvider>();

  function sendError(request: FastifyRequest, reply: FastifyReply, given: ErrorAnswer): FastifyReply {
    const { errorShape } = scopes.scopeOf(pathOf(request.raw.url));
    return reply
      .code(given.status)
      .headers({ "x-request-id": request.id, ...answerHeaders(given) })
      .type("application/json; charset=utf-8")
      .serializer(JSON.stringify)
      .send(errorShape(given));
  }

  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    "application/json",
    { parseAs: "buffer" },
    async (request: FastifyRequest, body: Buffer) => {
      checkJsonType(request.headers["content-type"]);
      return readJson(body);
    },
  );
  app.setValidatorCompiler(compileValidator);

  app.addHook("onRoute", ({ url, method }) => {
    scopes.addRoute(url, Array.isArray(method) ? method : [method]);
  });

  app.addHook("onRequest", async (request, reply) => {
    reply.header("x-request-id", request.id);
    const refused = refusalOf(request.raw, origins);
    if (refused !== null) return sendError(request, reply, refused);
    if (request.method !== "OPTIONS") return;
    const methods = scopes.methodsOf(pathOf(request.raw.url));
    if (request.headers["access-control-request-method"] !== undefined) {
      return reply.code(204).headers(preflightHeaders(methods)).send();
    }
    if (methods.length > 0) return reply.code(204).header("allow", methods.join(", ")).send();
  });

  if (config.logLevel === "debug") {
    app.addHook("onResponse", async (request, reply) => {
      log.debug(
        {
          requestId: request.id,
          method: request.method,
          // The pattern, not the URL: that one holds ids and tokens.
          route: request.routeOptions.url ?? null,
          status: reply.statusCode,
          ms: Math.round(reply.elapsedTime),
          address: request.ip,
        },
        "Request",
      );
    });
  }

  app.setNotFoundHandler((request, reply) => {
    const path = pathOf(request.raw.url);
    const methods = scopes.methodsOf(path);
    if (methods.length > 0) {
      reply.header("allow", methods.join(", "));
      return sendError(
        request,
        reply,
        answer(405, "invalid", `${request.method} is not one of ${methods.join(", ")}`),
      );
    }
    if (isUpgradePath(path)) {
      reply.headers({ upgrade: "websocket", connection: "upgrade, close" });
      return sendError(request, reply, answer(426, "invalid", "This path takes WebSocket connections only"));
    }
    return sendError(request, reply, answer(404, "not_found", "There is nothing at this path"));
  });

  app.setErrorHandler((error, request, reply) => {
    if (error instanceof LostAnswer) {
      reply.hijack();
      request.raw.socket.destroy();
      return;
    }
    const { status } = scopes.scopeOf(pathOf(request.raw.url));
    const given = answerOf(error, status);
    if (given.code === "internal") log.error({ requestId: request.id, error }, "A request failed");
    return sendError(request, reply, given);
  });

  return app;
}

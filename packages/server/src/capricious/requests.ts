import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import type { FastifyRequest } from "fastify";
import { answer, answerHeaders, sendError } from "../http/answers.ts";
import type { RawRoute } from "../http/raw-routes.ts";
import { queryOf, type RouteScope } from "../http/scopes.ts";
import type { ErrorAnswer, ErrorShape } from "../http/status.ts";
import { type Fault, type Mood, type Moods, pause } from "./moods.ts";

/** As much of a request as says whether a bad day was asked for. */
export interface Asked {
  readonly headers: IncomingHttpHeaders;
  readonly query: unknown;
}
export type IsCapricious = (asked: Asked) => boolean;

/** Puts the requests of a scope through moods. */
export function capriciousScope(scope: RouteScope, isCapricious: IsCapricious, moods: Moods): RouteScope {
  return {
    ...scope,
    routes(app) {
      const moodOf = new WeakMap<FastifyRequest, Mood>();
      app.addHook("onRequest", async (request, reply) => {
        if (!isCapricious(request)) return;
        const mood = moods.next();
        moodOf.set(request, mood);
        const failure = await before(mood, moods);
        if (failure === null) return;
        return reply
          .code(failure.status)
          .headers(answerHeaders(failure))
          .type("application/json; charset=utf-8")
          .serializer(JSON.stringify)
          .send(scope.errorShape(failure));
      });
      app.addHook("onSend", async (request, _, payload) => {
        const mood = moodOf.get(request);
        if (mood === undefined) return payload;
        await pause(mood.waitAfter);
        if (mood.fault === "after") request.raw.socket.destroy();
        return payload;
      });
      scope.routes(app);
    },
  };
}

/** The same for a route past the framework; the wait after it is left out, for who writes there does not wait. */
export function capriciousRaw(
  route: RawRoute,
  errorShape: ErrorShape,
  isCapricious: IsCapricious,
  moods: Moods,
): RawRoute {
  return {
    ...route,
    handle(request, response) {
      if (!isCapricious({ headers: request.headers, query: queryOf(request.url) })) {
        route.handle(request, response);
        return;
      }
      const mood = moods.next();
      void before(mood, moods).then((failure) => {
        if (failure !== null) sendError(response, failure, errorShape(failure));
        else {
          if (mood.fault === "after") loseAnswer(response);
          route.handle(request, response);
        }
      });
    },
  };
}

/** At its end the connection is gone in place of it: what is written to a socket cannot be taken back. */
function loseAnswer(response: ServerResponse): void {
  response.end = () => {
    response.req.socket.destroy();
    return response;
  };
}

/** Resolves to why it fails before anything is done, or null. */
async function before({ waitBefore, fault }: Mood, { timeoutMs }: Moods): Promise<ErrorAnswer | null> {
  await pause(waitBefore);
  if (fault === "timeout") await pause(timeoutMs);
  return FAILURES[fault];
}

const FAILURES: Readonly<Record<Fault, ErrorAnswer | null>> = {
  none: null,
  unavailable: { ...answer(503, "unavailable", "unavailable"), retryAfter: 1 },
  timeout: answer(504, "unavailable", "timeout"),
  after: null,
};

import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { Refusal } from "@parlance/protocol/errors.ts";
import type { Listen } from "../../delivery/listen.ts";
import { answerOf, sendError } from "../../http/answers.ts";
import { startHeartbeat } from "../../http/heartbeat.ts";
import { OpenAnswer, turnOf } from "../../http/open-answer.ts";
import { queryOf } from "../../http/scopes.ts";
import type { Dialect, DialectParts } from "../dialect.ts";
import { personOf, type Sandbox } from "./caller.ts";
import { errorShape, restScope } from "./rest.ts";
import { Stream, VISITS_PER_HEARTBEAT } from "./stream.ts";

/** The document's clients and the proxies before them may take a stream that is silent for longer for dead. */
const LONGEST_SILENCE_SECONDS = 15;

const HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-store, no-transform",
  // Proxies that gather an answer before they pass it on would keep every message back.
  "x-accel-buffering": "no",
};

/** The sse dialect: chats and messages over REST, and a stream of server-sent events at `/events`. */
export function createSseDialect(
  parts: DialectParts,
  options: {
    readonly heartbeatSeconds: number;
    /** Null: who names nobody is refused. */
    readonly sandbox: Sandbox | null;
    /** How the stream of one request is listened to. */
    readonly listenFor: (request: { readonly headers: IncomingHttpHeaders; readonly query: Query }) => Listen;
  },
): Dialect {
  const { identity, log, now } = parts;
  const silenceMs = Math.min(options.heartbeatSeconds, LONGEST_SILENCE_SECONDS) * 1_000;
  const heartbeat = startHeartbeat(silenceMs / VISITS_PER_HEARTBEAT);
  const streams = new Set<Stream>();
  let isDraining = false;

  const open = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const query = queryOf(request.url);
    checkRequest(request, query);
    const caller = await personOf(identity, options.sandbox, { headers: request.headers, query });
    const lastEventId = lastEventIdOf(request, query);
    const socket = await turnOf(response);
    if (socket === null) return;
    if (isDraining) throw new Refusal("unavailable", "The server is about to restart", 1);
    const stream = new Stream(new OpenAnswer(response, socket, HEADERS), caller, now);
    streams.add(stream);
    heartbeat.add(stream);
    // Comes after an answer that refuses, too.
    response.once("close", () => {
      streams.delete(stream);
      heartbeat.remove(stream);
      stream.closed();
    });
    await stream.open(options.listenFor({ headers: request.headers, query }), lastEventId, log);
  };

  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    open(request, response).catch((error: unknown) => {
      const given = answerOf(error);
      if (given.code === "internal") log.error({ error }, "A stream could not be opened");
      if (response.headersSent) response.destroy();
      else sendError(response, given, errorShape(given));
    });
  };

  return {
    name: "sse",
    scopes: [restScope(parts, options.sandbox)],
    upgrades: [],
    raw: [{ path: "/events", match: "exact", methods: ["GET"], handle }],
    async drain() {
      isDraining = true;
      heartbeat.stop();
      for (const stream of streams) stream.end("restart");
    },
  };
}

type Query = ReturnType<typeof queryOf>;

function checkRequest({ headers }: IncomingMessage, { stream }: Query): void {
  if (stream !== "messages") throw new Refusal("invalid", "The query must have stream=messages");
  const length = headers["content-length"] ?? "0";
  if (length !== "0" || headers["transfer-encoding"] !== undefined) {
    throw new Refusal("invalid", "This request takes no body");
  }
}

/** The header is newer where both are there: a client that comes back by itself keeps its URL. */
function lastEventIdOf({ headers }: IncomingMessage, query: Query): string | null {
  const header = headers["last-event-id"];
  const given = header !== undefined && header !== "" ? header : query.last_event_id;
  if (given === undefined || given === "") return null;
  return String(given);
}

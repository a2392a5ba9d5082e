import { isUtf8 } from "node:buffer";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { Log } from "../../../core/ports/log.ts";
import { answer } from "../../../http/answers.ts";
import { startHeartbeat } from "../../../http/heartbeat.ts";
import type { RawRoute } from "../../../http/raw-routes.ts";
import { refuse } from "../../../http/refuse.ts";
import { pathOf, queryOf } from "../../../http/scopes.ts";
import { sharedErrorShape } from "../../../http/status.ts";
import type { UpgradePath } from "../../../http/upgrades.ts";
import { createWebSocketAcceptor } from "../../../http/websocket-transport.ts";
import type { ByteTransport, TransportEvents } from "../transport.ts";
import {
  allowCredentials,
  sendIframe,
  sendInfo,
  sendNotFound,
  sendOptions,
  sendRefusal,
  sendText,
  sendWrongMethod,
  setUncached,
} from "./answers.ts";
import { readMessages } from "./framing.ts";
import { PollingSession, type SessionTimes } from "./polling-session.ts";
import { readBody } from "./read-body.ts";
import { Receiver, type ReceiverKind } from "./receiver.ts";
import { keyOf, SessionRegistry } from "./registry.ts";
import { SockJsSocket } from "./socket.ts";

export type Query = Readonly<Record<string, string | string[]>>;

/** The request that opened a connection. */
export interface Opening {
  readonly headers: IncomingHttpHeaders;
  readonly query: Query;
}

export interface SockJsLimits {
  readonly maxBodyBytes: number;
  /** Of a WebSocket. */
  readonly maxFrameBytes: number;
  readonly maxSessionsPerAddress: number;
  /** Bytes of one streaming response. */
  readonly maxResponseBytes: number;
  /** Messages of one request. */
  readonly maxMessages: number;
  readonly heartbeatMs: number;
  readonly disconnectMs: number;
}

/** What needs no option: the protocol says so. */
export const FIXED_SOCKJS_LIMITS = {
  maxResponseBytes: 128 * 1024,
  heartbeatMs: 25_000,
  disconnectMs: 5_000,
} as const satisfies Partial<SockJsLimits>;

export interface SockJsParts {
  /** Without a slash at its end. */
  readonly prefix: string;
  /** Whether it may go over a WebSocket. */
  readonly websocket: boolean;
  readonly limits: SockJsLimits;
  /** Whom connections are counted for. */
  readonly addressOf: (request: IncomingMessage) => string;
  /** Why a page may not open connections; null where it may, or the client is no page. */
  readonly originRefusal: (headers: IncomingHttpHeaders) => string | null;
  readonly opened: (transport: ByteTransport, opening: Opening) => TransportEvents;
  readonly log: Log;
}

export interface SockJs {
  readonly raw: readonly RawRoute[];
  /** All but `<prefix>/websocket`, which speaks no SockJS. */
  readonly upgrades: readonly UpgradePath[];
  /** Sessions made of HTTP requests, those among them that have ended and are not forgotten yet. */
  readonly sessions: number;
  /** Looks at no session any more. */
  stop(): void;
}

const MAX_SEGMENT_LENGTH = 128;
const SESSION_PATH = /^\/([^/.]+)\/([^/.]+)\/(xhr|xhr_streaming|xhr_send|eventsource|websocket)$/;
/** The session that a request below the prefix goes on with; a WebSocket is one by itself. */
export function sessionOf(below: string): string | null {
  const [, , session = null, transport] = SESSION_PATH.exec(below) ?? [];
  return transport === "websocket" ? null : session;
}
const IFRAME_PATH = /^\/iframe[0-9a-z._-]*\.html$/;
/** A session ends at most a fifth early. */
const VISITS_PER_DISCONNECT = 5;

/** SockJS 0.3.3 without jsonp and htmlfile, which only browsers without CORS need: those answer 404. */
export function createSockJs(parts: SockJsParts): SockJs {
  const { prefix, limits, opened } = parts;
  const times: SessionTimes = {
    heartbeatMs: limits.heartbeatMs,
    disconnectMs: limits.disconnectMs,
    visitMs: limits.disconnectMs / VISITS_PER_DISCONNECT,
  };
  const heartbeat = startHeartbeat(times.visitMs);
  const registry = new SessionRegistry(limits.maxSessionsPerAddress);
  const acceptor = createWebSocketAcceptor(limits);

  const failed = (response: ServerResponse) => (error: unknown) => {
    parts.log.error({ error }, "A SockJS request could not be worked on");
    response.destroy();
  };

  const below = (url: string | undefined): string => pathOf(url).slice(prefix.length);

  /** What a path can be asked for, by method; null where there is nothing. */
  function endpoint(path: string): Endpoints | null {
    if (path === "" || path === "/") {
      return { GET: (_, response) => sendText(response, 200, "Welcome to SockJS!\n") };
    }
    if (path === "/info") return { GET: (_, response) => sendInfo(response, parts.websocket) };
    if (path === "/websocket") return { GET: sendNoUpgrade };
    if (IFRAME_PATH.test(path)) return { GET: sendIframe };
    const found = sessionPath(path);
    if (found === null) return null;
    const { sessionId, transport } = found;
    switch (transport) {
      case "xhr":
      case "xhr_streaming":
        return { POST: (request, response) => receive(sessionId, transport, request, response) };
      case "eventsource":
        return { GET: (request, response) => receive(sessionId, transport, request, response) };
      case "xhr_send":
        return {
          POST: (request, response) => void send(sessionId, request, response).catch(failed(response)),
        };
      default:
        return parts.websocket ? { GET: sendNoUpgrade } : null;
    }
  }

  function handle(request: IncomingMessage, response: ServerResponse): void {
    const methods = endpoint(below(request.url));
    const refused = parts.originRefusal(request.headers);
    if (methods === null) sendNotFound(response);
    else if (refused !== null) sendRefusal(response, answer(403, "forbidden", refused));
    else act(methods, request, response);
  }

  function act(methods: Endpoints, request: IncomingMessage, response: ServerResponse): void {
    allowCredentials(response);
    const allowed = ["OPTIONS", ...Object.keys(methods)];
    const answerTo = methods[request.method ?? ""];
    if (answerTo === undefined) {
      if (request.method === "OPTIONS") sendOptions(response, allowed);
      else sendWrongMethod(response, allowed);
      return;
    }
    try {
      answerTo(request, response);
    } catch (error) {
      failed(response)(error);
    }
  }

  function receive(
    sessionId: string,
    kind: ReceiverKind,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    const query = queryOf(request.url);
    const key = keyOf(sessionId, request.headers, query);
    let session = registry.find(key);
    if (session === undefined) {
      const address = parts.addressOf(request);
      if (!registry.hasRoomFor(address)) {
        sendRefusal(response, {
          ...answer(429, "rate_limited", "Too many sessions from one address"),
          retryAfter: 5,
        });
        return;
      }
      session = new PollingSession(times, (gone) => {
        heartbeat.remove(gone);
        registry.remove(key, address);
      });
      registry.add(key, address, session);
      heartbeat.add(session);
      session.belongTo(opened(session, { headers: request.headers, query }));
    }
    request.resume();
    session.attach(new Receiver(kind, response, limits.maxResponseBytes));
  }

  async function send(sessionId: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    setUncached(response);
    const session = registry.find(keyOf(sessionId, request.headers, queryOf(request.url)));
    if (session === undefined || session.hasEnded) return sendNotFound(response);
    const body = await readBody(request, limits.maxBodyBytes);
    if (body === null) return;
    if (body === "too_large") return sendTooLarge(request, response);
    if (body.length === 0) return sendText(response, 500, "Payload expected.");
    const messages = isUtf8(body) ? readMessages(body.toString("utf8")) : null;
    if (messages === null) return sendText(response, 500, "Broken JSON encoding.");
    if (messages.length > limits.maxMessages) return sendTooLarge(request, response);
    if (!(await session.receive(messages))) {
      sendRefusal(response, answer(429, "rate_limited", "Too many requests send to one session"));
      return;
    }
    response.writeHead(204, { "content-type": "text/plain; charset=UTF-8" }).end();
  }

  return {
    raw: [
      { path: prefix, match: "exact", methods: ["GET", "POST", "OPTIONS"], handle },
      { path: `${prefix}/`, match: "prefix", methods: ["GET", "POST", "OPTIONS"], handle },
    ],
    upgrades: [
      {
        path: `${prefix}/`,
        match: "prefix",
        handle(upgrade) {
          if (!parts.websocket || sessionPath(below(upgrade.request.url))?.transport !== "websocket") {
            const nowhere = answer(404, "not_found", "There is nothing at this path");
            refuse(upgrade.socket, nowhere, sharedErrorShape(nowhere));
            return;
          }
          const { headers } = upgrade.request;
          acceptor.accept(upgrade, (socket) => {
            const session = new SockJsSocket(
              socket,
              times,
              (transport) => opened(transport, { headers, query: upgrade.query }),
              (gone) => heartbeat.remove(gone),
            );
            heartbeat.add(session);
            return session;
          });
        },
      },
    ],
    get sessions() {
      return registry.size;
    },
    stop: () => heartbeat.stop(),
  };
}

/** The parts of `/<server>/<session>/<transport>`; the first is for load balancers and means nothing here. */
function sessionPath(path: string): { readonly sessionId: string; readonly transport: string } | null {
  const [, server, sessionId, transport] = SESSION_PATH.exec(path) ?? [];
  if (server === undefined || sessionId === undefined || transport === undefined) return null;
  return Math.max(server.length, sessionId.length) > MAX_SEGMENT_LENGTH ? null : { sessionId, transport };
}

type Endpoints = Partial<Record<string, (request: IncomingMessage, response: ServerResponse) => void>>;

function sendNoUpgrade(_: IncomingMessage, response: ServerResponse): void {
  sendText(response, 400, 'Can "Upgrade" only to "WebSocket".');
}

/** How long the rest of a body that nobody reads may come; then the connection is cut. */
const UNREAD_MS = 1_000;

function sendTooLarge(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader("connection", "close");
  sendRefusal(response, answer(413, "too_large", "The body is over the size limit"));
  request.resume();
  setTimeout(() => request.socket.destroy(), UNREAD_MS).unref();
}

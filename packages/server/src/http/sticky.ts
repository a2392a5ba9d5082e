import { rm } from "node:fs/promises";
import {
  Agent,
  type IncomingMessage,
  request as openRequest,
  type Server,
  type ServerResponse,
} from "node:http";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { pathOf, queryOf } from "./scopes.ts";

/** This process among those that share a port. */
export interface Place {
  readonly index: number;
  readonly count: number;
  /** Where each of them takes what others hand over: a Unix socket that only they may enter. */
  readonly socketOf: (index: number) => string;
}

/** Names the session that a request goes on with; null for one that any process can answer. */
export type SessionOf = (path: string, query: Readonly<Record<string, string | string[]>>) => string | null;

/** Whose address a request has that was handed over. */
const ADDRESS_HEADER = "x-parlance-address";
/** Of one connection, and not of what is said over it. */
const HOP_HEADERS = new Set(["connection", "keep-alive", "transfer-encoding", "proxy-connection"]);

/**
 * Sessions that are made of several requests live in one process, and the requests come to any: what goes on with a
 * session is handed over to the process that its name belongs to.
 */
export interface Sticky {
  add(sessionOf: SessionOf): void;
  /** Whether a session of that name would live here. */
  isOurs(session: string): boolean;
  /** Hands a request over; false where it is ours. `failed` answers it where its owner does not. */
  pass(request: IncomingMessage, response: ServerResponse, failed: (error: Error) => void): boolean;
  passUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean;
  /** Takes what others hand over, as if it had come here. */
  listen(server: Server): Promise<void>;
}

/** Which of `count` processes a session of that name lives in. */
export function ownerOf(session: string, count: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < session.length; i++) hash = Math.imul(hash ^ session.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % count;
}

export function createSticky({ index, count, socketOf }: Place): Sticky {
  const kinds: SessionOf[] = [];
  // Kept open, so that an answer to what was not read to its end arrives: after a connection's last one it would not.
  const agent = new Agent({ keepAlive: true });

  /** Null: ours, or anybody's. */
  const ownerPath = ({ url }: IncomingMessage): string | null => {
    const path = pathOf(url);
    for (const sessionOf of kinds) {
      const session = sessionOf(path, queryOf(url));
      if (session === null) continue;
      const owner = ownerOf(session, count);
      return owner === index ? null : socketOf(owner);
    }
    return null;
  };

  const headersOf = ({ rawHeaders, socket }: IncomingMessage): string[] => {
    const kept: string[] = [];
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const [name, value] = [rawHeaders[i] as string, rawHeaders[i + 1] as string];
      if (name.toLowerCase() !== ADDRESS_HEADER) kept.push(name, value);
    }
    return [...kept, ADDRESS_HEADER, socket.remoteAddress ?? ""];
  };

  return {
    add: (sessionOf) => void kinds.push(sessionOf),
    isOurs: (session) => ownerOf(session, count) === index,

    pass(request, response, failed) {
      const socketPath = ownerPath(request);
      if (socketPath === null) return false;
      const { method, url } = request;
      const outgoing = openRequest({
        socketPath,
        method,
        path: url,
        headers: withoutHop(headersOf(request)),
        setHost: false,
        agent,
      });
      outgoing.on("response", (answer) => {
        response.writeHead(answer.statusCode as number, withoutHop(answer.rawHeaders));
        response.flushHeaders();
        answer.on("error", () => response.destroy());
        answer.pipe(response);
      });
      outgoing.on("error", (error) => {
        if (response.headersSent) response.destroy();
        else failed(error);
      });
      response.on("close", () => outgoing.destroy());
      request.pipe(outgoing);
      return true;
    },

    passUpgrade(request, socket, head) {
      const socketPath = ownerPath(request);
      if (socketPath === null) return false;
      const headers = headersOf(request);
      const lines = [`${request.method} ${request.url} HTTP/1.1`];
      for (let i = 0; i < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`);
      const owner = connect(socketPath);
      owner.write(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
      owner.write(head);
      owner.pipe(socket).pipe(owner);
      owner.on("error", () => socket.destroy());
      owner.on("close", () => socket.destroy());
      socket.on("error", () => owner.destroy());
      socket.on("close", () => owner.destroy());
      return true;
    },

    async listen(server) {
      // First of all who hear of it: the others see the address of whoever asked.
      for (const event of ["request", "upgrade"]) {
        server.prependListener(event, ({ headers, socket }: IncomingMessage) => {
          Object.defineProperty(socket, "remoteAddress", {
            value: headers[ADDRESS_HEADER],
            configurable: true,
          });
          delete headers[ADDRESS_HEADER];
        });
      }
      // Of one that had this place before and was killed.
      await rm(socketOf(index), { force: true });
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(socketOf(index), resolve);
      });
    },
  };
}

function withoutHop(raw: readonly string[]): string[] {
  return raw.filter((_, i) => !HOP_HEADERS.has((raw[i - (i % 2)] as string).toLowerCase()));
}

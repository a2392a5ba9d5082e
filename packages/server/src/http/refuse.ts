import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { answer, SECURITY_HEADERS } from "./answers.ts";
import { type ErrorAnswer, sharedErrorShape } from "./status.ts";

/** How long a refused client gets to read why, before its connection is cut. */
const REFUSAL_MS = 1000;

/** Writes an answer by hand on a connection that no ServerResponse belongs to, and ends it. */
export function refuse(socket: Duplex, { status }: ErrorAnswer, shape: object): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = JSON.stringify(shape);
  const headers = {
    ...SECURITY_HEADERS,
    connection: "close",
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(body),
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  socket.end([`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, "", body].join("\r\n"));
  // Unread input would turn the close into a reset that can overtake the answer.
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), REFUSAL_MS);
  socket.once("end", () => socket.destroy()).once("close", () => clearTimeout(timer));
}

/** What Node itself refuses before there is a request: broken HTTP, too many headers, too slow. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const status =
    error.code === "HPE_HEADER_OVERFLOW" ? 431 : error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? 408 : 400;
  const given = answer(status, "invalid", STATUS_CODES[status]!);
  refuse(socket, given, sharedErrorShape(given));
}

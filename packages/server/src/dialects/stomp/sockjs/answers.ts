import { createHash, randomInt } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { answer, preflightHeaders, sendError, sendJson } from "../../../http/answers.ts";
import { type ErrorAnswer, sharedErrorShape } from "../../../http/status.ts";

const TEXT = "text/plain; charset=UTF-8";
const A_YEAR_SECONDS = 31_536_000;

/** Some clients' browsers keep the answers of POSTs too. */
export function setUncached(response: ServerResponse): void {
  response.setHeader("cache-control", "no-store, no-cache, must-revalidate, max-age=0");
}

/** The SockJS client asks with credentials, which browsers then want allowed; there are no cookies here to send. */
export function allowCredentials(response: ServerResponse): void {
  if (response.hasHeader("access-control-allow-origin")) {
    response.setHeader("access-control-allow-credentials", "true");
  }
}

export function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": TEXT, "content-length": Buffer.byteLength(text) }).end(text);
}

export function sendRefusal(response: ServerResponse, refused: ErrorAnswer): void {
  sendError(response, refused, sharedErrorShape(refused));
}

export function sendNotFound(response: ServerResponse): void {
  sendRefusal(response, answer(404, "not_found", "There is nothing at this path"));
}

export function sendWrongMethod(response: ServerResponse, allowed: readonly string[]): void {
  response.writeHead(405, { allow: allowed.join(", "), "content-length": 0 }).end();
}

/** To OPTIONS. */
export function sendOptions(response: ServerResponse, allowed: readonly string[]): void {
  response.writeHead(204, { allow: allowed.join(", "), ...preflightHeaders(allowed) }).end();
}

export function sendInfo(response: ServerResponse, websocket: boolean): void {
  setUncached(response);
  const info = { websocket, origins: ["*:*"], cookie_needed: false, entropy: randomInt(2 ** 32) };
  sendJson(response, 200, JSON.stringify(info));
}

/**
 * What a client's hidden frame would load. It would have to run a script, of the very version of the client's and so
 * from somewhere else; every browser that could need it has had CORS for ten years. So it says that and does nothing.
 */
const IFRAME = `<!DOCTYPE html>
<html lang="en">
<head><meta charset="UTF-8"><title>SockJS</title></head>
<body><p>This server offers the SockJS transports websocket, xhr-streaming, eventsource and xhr-polling. They need no
frame: this page is empty on purpose, and loads nothing.</p></body>
</html>
`;
const IFRAME_TAG = `"${createHash("sha256").update(IFRAME).digest("base64url").slice(0, 22)}"`;

export function sendIframe({ headers }: IncomingMessage, response: ServerResponse): void {
  response.setHeader("cache-control", `public, max-age=${A_YEAR_SECONDS}`);
  response.setHeader("etag", IFRAME_TAG);
  if (headers["if-none-match"] === IFRAME_TAG) {
    response.writeHead(304).end();
    return;
  }
  response
    .writeHead(200, {
      "content-type": "text/html; charset=UTF-8",
      "content-length": Buffer.byteLength(IFRAME),
    })
    .end(IFRAME);
}

import type { IncomingMessage } from "node:http";
import { Transform } from "node:stream";
import { Refusal } from "@parlance/protocol/errors.ts";

export interface Pace {
  readonly everyMs: number;
  /** What must have come in each such time. */
  readonly bytes: number;
}

/** 1 KiB/s: the slowest line that is meant to upload, and the fastest that is not. */
const SLOWEST: Pace = { everyMs: 10_000, bytes: 10_240 };
/** How long the rest of an upload that was refused is still read, so that its sender hears why. */
const REST_MS = 10_000;

/**
 * A request's body as it comes. It fails with a `Refusal` where it comes too slowly or is cut off. Whoever leaves it
 * early must call `letGo`, as must everybody else.
 */
export function openUploadBody(
  request: IncomingMessage,
  pace: Pace = SLOWEST,
): { readonly body: AsyncIterable<Buffer>; letGo(): void } {
  let bytes = 0;
  const body = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  body.on("error", () => {});
  let seen = 0;
  const timer = setInterval(() => {
    if (request.complete) return;
    // Where we are the ones who do not read, nothing can come.
    if (bytes - seen < pace.bytes && body.readableLength === 0) {
      body.destroy(new Refusal("invalid", "The upload comes too slowly"));
    }
    seen = bytes;
  }, pace.everyMs);
  request.pipe(body);
  request.once("close", () => {
    if (!request.complete) body.destroy(new Refusal("invalid", "The upload was cut off"));
  });
  return {
    body,
    letGo() {
      clearInterval(timer);
      request.unpipe(body);
      leaveBody(request);
    },
  };
}

/** Reads on for a while what nobody wants, so that its sender hears why; then cuts the connection. */
export function leaveBody(request: IncomingMessage): void {
  if (request.complete) return;
  request.resume();
  const limit = setTimeout(() => request.destroy(), REST_MS);
  request.once("close", () => clearTimeout(limit));
}

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

/**
 * The answers that connections still wait for. Whoever writes on a connection by hand must come after them,
 * or its bytes land in the middle of one, or are taken for the answer to a request before.
 */
export interface UnderWay {
  note(request: IncomingMessage, response: ServerResponse): void;
  /** Runs `write` at once, or after the answer to the last request that has arrived completely. */
  after(socket: Duplex, write: () => void): void;
}

export function createUnderWay(): UnderWay {
  const latest = new WeakMap<Duplex, ServerResponse>();
  return {
    note(request, response) {
      latest.set(request.socket, response);
    },
    after(socket, write) {
      const response = latest.get(socket);
      // Where the request itself is broken or too slow, what is to be written is its answer.
      if (response === undefined || response.writableFinished || !response.req.complete) write();
      else response.once("close", write);
    },
  };
}

import type { IncomingMessage } from "node:http";

/** A request's body; `too_large` as soon as that is known, null where the client has gone. */
export async function readBody(
  request: IncomingMessage,
  maxBytes: number,
): Promise<Buffer | "too_large" | null> {
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) return "too_large";
  const chunks: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve) => {
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) resolve("too_large");
      else chunks.push(chunk);
    });
    request.once("end", () => resolve(Buffer.concat(chunks)));
    request.once("close", () => resolve(null));
  });
}

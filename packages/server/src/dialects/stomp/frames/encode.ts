import { escapeHeader, withoutLineEnds } from "./escapes.ts";
import type { StompVersion } from "./version.ts";

export type HeaderList = readonly (readonly [name: string, value: string])[];

/** A header line, with its end. */
export function headerLine(version: StompVersion, name: string, value: string): string {
  return `${escapeHeader(version, name)}:${escapeHeader(version, value)}\n`;
}

/** A whole frame, its closing NUL included. With a body, `content-length` is added. */
export function encodeFrame(
  version: StompVersion,
  command: "RECEIPT" | "MESSAGE" | "ERROR",
  headers: HeaderList,
  body?: string,
): string {
  let head = `${command}\n`;
  for (const [name, value] of headers) head += headerLine(version, name, value);
  return head + encodeBody(body);
}

/** Never escaped, in no version. */
export function encodeConnected(headers: HeaderList): string {
  const lines = headers.map(([name, value]) => `${name}:${withoutLineEnds(value)}\n`);
  return `CONNECTED\n${lines.join("")}\n\0`;
}

/** The rest of a frame after its last header. */
export function encodeBody(body: string | undefined): string {
  return body === undefined ? "\n\0" : `content-length:${Buffer.byteLength(body)}\n\n${body}\0`;
}

import type { IncomingHttpHeaders } from "node:http";

/** Node reads header bytes as Latin-1; what is UTF-8 was meant so. */
export function headerText(value: string): string {
  const text = Buffer.from(value, "latin1").toString("utf8");
  return text.includes("\uFFFD") ? value : text;
}

const QUOTED = /^"((?:[^"\\]|\\["\\])*)"$/;

/** The `Idempotency-Key` of a request, or null: a bare text, or the same in quotes as the header's draft has it. */
export function idempotencyKeyOf({ "idempotency-key": key }: IncomingHttpHeaders): string | null {
  if (typeof key !== "string") return null;
  const quoted = QUOTED.exec(key)?.[1];
  return headerText(quoted === undefined ? key : quoted.replace(/\\(.)/g, "$1"));
}

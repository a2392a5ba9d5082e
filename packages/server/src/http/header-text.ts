import type { IncomingHttpHeaders } from "node:http";

/** Node reads header bytes as Latin-1; what is UTF-8 was meant so. */
export function headerText(value: string): string {
  const text = Buffer.from(value, "latin1").toString("utf8");
  return text.includes("\uFFFD") ? value : text;
}

/** The `Idempotency-Key` of a request, or null. */
export function idempotencyKeyOf({ "idempotency-key": key }: IncomingHttpHeaders): string | null {
  return typeof key === "string" ? headerText(key) : null;
}

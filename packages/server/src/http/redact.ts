/** Keys whose value is never logged: credentials and what people say to each other. */
const HIDDEN_KEYS = new Set(
  [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "token",
    "access_token",
    "refresh_token",
  ].concat([
    "password",
    "secret",
    "jwtsecret",
    "databaseurl",
    "content",
    "metadata",
    "body",
    "text",
    "frame",
    "payload",
  ]),
);
const MAX_DEPTH = 5;
/** Enough for a stack, and little enough that no text from outside can keep the search busy. */
const MAX_TEXT_LENGTH = 8192;
const HIDDEN = "[hidden]";

/** Takes tokens and passwords out of a text: in URLs, as Bearer, or as a bare JWT. Long texts are cut. */
export function redactText(text: string): string {
  return text
    .slice(0, MAX_TEXT_LENGTH)
    .replace(/(token|password|secret|signature)=[^&\s"']*/gi, `$1=${HIDDEN}`)
    .replace(/:\/\/[^\s/?#@"']*@/g, `://${HIDDEN}@`)
    .replace(/\bbearer +[^\s"',]+/gi, `Bearer ${HIDDEN}`)
    .replace(/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, HIDDEN);
}

/**
 * A copy of what is to be logged without what must not be. Of an error only type, message, code and stack
 * stay: a driver's further fields quote the values of the failed statement.
 */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return redactText(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return value;
  if (depth >= MAX_DEPTH || ArrayBuffer.isView(value)) return HIDDEN;
  if (value instanceof Date) return value;
  if (value instanceof Error) {
    const { name, message, stack, cause } = value;
    const { code } = value as NodeJS.ErrnoException;
    return redact({ type: name, message, code, stack, cause }, depth + 1);
  }
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      HIDDEN_KEYS.has(key.toLowerCase()) ? HIDDEN : redact(item, depth + 1),
    ]),
  );
}

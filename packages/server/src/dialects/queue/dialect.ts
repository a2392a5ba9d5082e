import type { Dialect, DialectParts } from "../dialect.ts";
import { acceptRoute } from "./accept.ts";
import { restScope } from "./rest.ts";

/** The queue dialect: messages are posted onto a queue under `/api/v1/messages`, and read back page by page. */
export function createQueueDialect(
  parts: DialectParts,
  limits: { /** Of a posted message. */ readonly maxBodyBytes: number },
): Dialect {
  return {
    name: "queue",
    scopes: [restScope(parts)],
    upgrades: [],
    raw: [acceptRoute(parts, limits.maxBodyBytes)],
    async drain() {},
  };
}

import type { Dialect, DialectParts } from "../dialect.ts";
import { attachmentsScope } from "./attachments.ts";
import { restScope } from "./rest/rest.ts";

export interface StompLimits {
  readonly maxFileSizeMb: number;
}

const MEBIBYTE = 1024 * 1024;

/** Document 003: REST under `/api/chat`. */
export function createStompDialect(parts: DialectParts, { maxFileSizeMb }: StompLimits): Dialect {
  return {
    name: "stomp",
    scopes: [restScope(parts, maxFileSizeMb), attachmentsScope(parts, maxFileSizeMb * MEBIBYTE)],
    upgrades: [],
    raw: [],
    async drain() {},
  };
}

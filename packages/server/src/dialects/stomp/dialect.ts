import type { Dialect, DialectParts } from "../dialect.ts";
import { attachmentsScope } from "./attachments.ts";
import { createLive, type LiveOptions } from "./live/endpoints.ts";
import { restScope } from "./rest/rest.ts";
import { webhooksScope } from "./webhooks.ts";

const MEBIBYTE = 1024 * 1024;

/** The stomp dialect: REST under `/api/chat`, STOMP over SockJS at `/ws/chat` and over WebSockets. */
export function createStompDialect(parts: DialectParts, options: LiveOptions): Dialect {
  const { maxFileSizeMb } = options;
  return {
    name: "stomp",
    scopes: [
      restScope(parts, maxFileSizeMb),
      attachmentsScope(parts, maxFileSizeMb * MEBIBYTE),
      webhooksScope(parts),
    ],
    ...createLive(parts, options),
  };
}

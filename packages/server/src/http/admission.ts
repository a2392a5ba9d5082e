import type { IncomingMessage } from "node:http";
import { answer, answerOf, hasTooManyHeaders } from "./answers.ts";
import type { Origins } from "./origins.ts";
import type { ErrorAnswer } from "./status.ts";

/** Longer than any path of ours with a token of 8 KiB in its query. */
const MAX_URL_LENGTH = 12_288;
const PLAIN_CODING = /^(identity)?$/i;

/** Why a request is refused whatever it asks; null where it may go on. */
export function refusalOf(request: IncomingMessage, origins: Origins): ErrorAnswer | null {
  const refused = origins.refusal(request.headers);
  if (refused !== null) return answer(403, "forbidden", refused);
  if (hasTooManyHeaders(request)) return answer(431, "invalid", "The request has too many headers");
  if ((request.url?.length ?? 0) > MAX_URL_LENGTH) return answerOf({ statusCode: 414 });
  if (!PLAIN_CODING.test(request.headers["content-encoding"] ?? "")) {
    return answer(415, "unsupported_media_type", "Bodies must not be compressed");
  }
  return null;
}

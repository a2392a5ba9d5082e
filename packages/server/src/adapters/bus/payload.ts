import type { News } from "../../core/ports/bus.ts";

/** What processes of different versions would not understand is dropped: the store has it. */
const VERSION = 1;
/** What goes in one piece. A batch of long messages is more. */
const MAX_BYTES = 1024 * 1024;

/** News of one topic as one or more payloads, in order: who says it, then what. */
export function encodeNews(origin: string, news: readonly News[]): Buffer[] {
  const payload = Buffer.from(`${VERSION}${origin}\n${JSON.stringify(news)}`);
  if (payload.length <= MAX_BYTES) return [payload];
  const halves = halve(news);
  return halves === null ? [] : halves.flatMap((half) => encodeNews(origin, half));
}

/** Null for what is no payload of this version. */
export function decodeNews(
  payload: Buffer,
): { readonly origin: string; readonly news: readonly News[] } | null {
  const end = payload.indexOf("\n");
  if (payload[0] !== VERSION + 0x30 || end === -1 || payload.length > MAX_BYTES) return null;
  try {
    const news: unknown = JSON.parse(payload.toString("utf8", end + 1));
    return Array.isArray(news) ? { origin: payload.toString("latin1", 1, end), news } : null;
  } catch {
    return null;
  }
}

/** Null where there is nothing to take apart. */
function halve(news: readonly News[]): readonly (readonly News[])[] | null {
  if (news.length > 1) {
    const middle = news.length >> 1;
    return [news.slice(0, middle), news.slice(middle)];
  }
  const [only] = news;
  if (only?.kind !== "events" || only.events.length < 2) return null;
  const middle = only.events.length >> 1;
  return [only.events.slice(0, middle), only.events.slice(middle)].map((events) => [{ ...only, events }]);
}

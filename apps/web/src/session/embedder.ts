/**
 * The application that has this one in a frame, or has opened it, hands over tokens by messages:
 *
 * - we say `{type: "parlance:token-wanted"}` to it, once at the start and whenever one ends;
 * - it says `{type: "parlance:token", token}`, as an answer or whenever it has a newer one.
 *
 * Both only to and from origins that the server allows.
 */
const PATIENCE_MS = 5_000;

/** A token, or null where nobody gives one in time. */
export async function askEmbedder(
  origins: readonly string[],
  patienceMs = PATIENCE_MS,
): Promise<string | null> {
  if (origins.length === 0 || others().length === 0) return null;
  return await new Promise((resolve) => {
    const stop = onToken(origins, (token) => settle(token));
    const timer = setTimeout(() => settle(null), patienceMs);
    function settle(token: string | null): void {
      clearTimeout(timer);
      stop();
      resolve(token);
    }
    announce(origins);
  });
}

/** Calls back with each token that is handed over. Returns what ends it. */
export function onToken(origins: readonly string[], take: (token: string) => void): () => void {
  const hear = ({ origin, data }: MessageEvent): void => {
    if (!origins.includes(origin)) return;
    if (data?.type === "parlance:token" && typeof data.token === "string") take(data.token);
  };
  window.addEventListener("message", hear);
  return () => window.removeEventListener("message", hear);
}

/** Says that a token would be taken. A browser gives it to a page of the named origin and to no other. */
export function announce(origins: readonly string[]): void {
  for (const other of others()) {
    for (const origin of origins) other.postMessage({ type: "parlance:token-wanted" }, origin);
  }
}

function others(): readonly Window[] {
  const opener = window.opener as Window | null;
  return [window.parent, opener].filter((other) => other !== null && other !== window) as Window[];
}

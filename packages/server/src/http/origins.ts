import type { IncomingHttpHeaders } from "node:http";
import { isLoopbackHost } from "../config/kinds.ts";
import type { Config } from "../config.ts";

export interface Origins {
  /** Why a request must not be served whatever it asks, or null: in open mode Host and Origin are checked. */
  refusal(headers: IncomingHttpHeaders): string | null;
  /** The same for the opening of a socket, to which browsers apply no CORS, so that the server must. */
  upgradeRefusal(headers: IncomingHttpHeaders): string | null;
  /** Whether pages of this origin may read answers (CORS). */
  allows(origin: string): boolean;
}

/**
 * Which web pages may use the server. In open mode whoever reaches it is believed, so that neither a page
 * elsewhere nor a name that was bound to 127.0.0.1 (DNS rebinding) may drive it.
 */
export function createOrigins({
  mode,
  allowedOrigins,
  openModeHosts,
}: Pick<Config, "mode" | "allowedOrigins" | "openModeHosts">): Origins {
  const allowed = new Set(allowedOrigins);
  const hosts = new Set(openModeHosts.map((host) => host.toLowerCase()));
  const isOpenHost = (host: URL): boolean =>
    isLoopbackHost(host.hostname) || hosts.has(host.hostname) || hosts.has(host.host);

  function allows(origin: string): boolean {
    if (allowed.has(origin)) return true;
    const parsed = mode === "open" ? URL.parse(origin) : null;
    return parsed !== null && parsed.origin === origin && isOpenHost(parsed);
  }

  /** The last host that was let in: nearly every request names the same, and to read it costs 2 µs. */
  let knownHost: string | undefined;

  function refusal({ host, origin }: IncomingHttpHeaders): string | null {
    if (mode !== "open") return null;
    if (host === undefined || host !== knownHost) {
      const parsed = parseHost(host);
      if (parsed === null || !isOpenHost(parsed)) {
        return "In open mode the server answers only under a loopback name or one in OPEN_MODE_HOSTS";
      }
      knownHost = host;
    }
    if (origin !== undefined && !allows(origin)) return "Pages of this origin may not use the server";
    return null;
  }

  return {
    refusal,
    upgradeRefusal(headers) {
      const { host, origin } = headers;
      const refused = refusal(headers);
      if (refused !== null || origin === undefined || allows(origin)) return refused;
      // Our own pages; compared without scheme, which a TLS-terminating proxy in front changes.
      const own = parseHost(host)?.host;
      return own !== undefined && URL.parse(origin)?.host === own
        ? null
        : "Pages of this origin may not use the server";
    },
    allows,
  };
}

function parseHost(host: string | undefined): URL | null {
  if (host === undefined || /[/?#@\s]/.test(host)) return null;
  return URL.parse(`http://${host}/`);
}

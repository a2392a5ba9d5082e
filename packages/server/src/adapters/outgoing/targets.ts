import { isIP } from "node:net";
import type { WebhookTargets } from "../../core/ports/webhook-targets.ts";
import { isOwnHost, mayConnectTo, type Reach } from "./reach.ts";

/** All addresses of a host, as the system's resolver has them; rejects where there are none. */
export type Resolve = (
  host: string,
) => Promise<readonly { readonly address: string; readonly family: number }[]>;

export interface TargetOptions extends Reach {
  /** Those that may be gone to; any, where private addresses may be. */
  readonly ports: readonly number[];
}

const MAX_URL = 2_048;
/** A look-up that takes longer has failed. */
const RESOLVE_MS = 5_000;

export function createTargets(options: TargetOptions): WebhookTargets {
  const { allowPrivate, ports, resolve } = options;
  return {
    async refusalOf(given) {
      // A URL's parser leaves such characters out, or takes them for others.
      if (given.length > MAX_URL || !/^[\x21-\x5b\x5d-\x7e]+$/.test(given) || !URL.canParse(given)) {
        return `The url must be a URL of up to ${MAX_URL} characters, in ASCII`;
      }
      const url = new URL(given);
      if (url.protocol !== "https:" && url.protocol !== "http:") return "The url must be https:// or http://";
      if (url.username !== "" || url.password !== "") return "The url must not hold credentials";
      if (isOwnHost(options, url.hostname)) return "The url must not be this server's own";
      if (allowPrivate) return null;
      const port = Number(url.port === "" ? (url.protocol === "https:" ? 443 : 80) : url.port);
      if (!ports.includes(port)) return `The url must be at one of the ports ${ports.join(", ")}`;
      const host = hostOf(url);
      const addresses = isIP(host) === 0 ? await resolveInTime(resolve, host) : [{ address: host }];
      if (addresses.length === 0) return "The url's host is not known";
      return addresses.every(({ address }) => mayConnectTo(options, address))
        ? null
        : "The url's host must be on the public internet, and not this server";
    },
  };
}

/** Without the brackets of an IPv6 address. */
export function hostOf({ hostname }: Pick<URL, "hostname">): string {
  return hostname.replace(/^\[|\]$/g, "");
}

/** None where the host is not known, or not in time. */
async function resolveInTime(resolve: Resolve, host: string): ReturnType<Resolve> {
  const { promise: late, resolve: give } = Promise.withResolvers<readonly []>();
  const timer = setTimeout(() => give([]), RESOLVE_MS);
  try {
    return await Promise.race([resolve(host), late]);
  } catch {
    return [];
  } finally {
    clearTimeout(timer);
  }
}

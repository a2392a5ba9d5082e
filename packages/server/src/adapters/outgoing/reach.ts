import { networkInterfaces } from "node:os";
import { isPublicAddress } from "./addresses.ts";
import type { Resolve } from "./targets.ts";

/** How far webhooks may go: asked when one is registered and again at every connection. */
export interface Reach {
  /** Private addresses and this machine's too. */
  readonly allowPrivate: boolean;
  /** Names that this server is reached by, however many proxies are before it; never gone to. */
  readonly ownHosts: readonly string[];
  readonly resolve: Resolve;
}

export function mayConnectTo({ allowPrivate }: Reach, address: string, own = ownAddresses()): boolean {
  return allowPrivate || (isPublicAddress(address) && !own.includes(address));
}

/** @param hostname as a URL has it; a dot at its end changes nothing */
export function isOwnHost({ ownHosts }: Reach, hostname: string): boolean {
  const host = hostname.replace(/\.$/, "");
  return ownHosts.some((own) => URL.parse(`http://${own}/`)?.hostname === host);
}

/** The addresses of this machine, as they are now. */
function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((one) => (one ?? []).map(({ address }) => address));
}

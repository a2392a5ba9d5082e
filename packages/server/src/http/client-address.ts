import type { IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";

/**
 * Whom limits per address count: the peer, or, behind proxies that are trusted, the last address in X-Forwarded-For
 * that is none of them. Of IPv6 the first 64 bits: everybody has that many addresses.
 */
export function createClientAddress(
  trustedProxies: readonly string[],
): (request: Pick<IncomingMessage, "headers" | "socket">) => string {
  const trusted = new BlockList();
  for (const range of trustedProxies) {
    const [address = "", bits] = range.split("/");
    const family = familyOf(address);
    if (bits === undefined) trusted.addAddress(address, family);
    else trusted.addSubnet(address, Number(bits), family);
  }
  return ({ headers, socket }) => {
    const forwarded = headers["x-forwarded-for"];
    const hops = (typeof forwarded === "string" ? forwarded : "").split(",").map((hop) => plain(hop.trim()));
    let address = plain(socket.remoteAddress ?? "");
    while (isIP(address) !== 0 && trusted.check(address, familyOf(address))) {
      const before = hops.pop();
      if (before === undefined || isIP(before) === 0) break;
      address = before;
    }
    return isIP(address) === 6 ? networkOf(address) : address;
  };
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 6 ? "ipv6" : "ipv4";
}

/** An IPv4 address that came over an IPv6 socket is itself again. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, "");
}

function networkOf(address: string): string {
  const [head = "", tail] = (address.split("%", 1)[0] as string).split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  const groups = [...left, ...Array.from({ length: Math.max(0, zeros) }, () => "0"), ...right];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")}::/64`;
}

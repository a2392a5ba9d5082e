import type { Socket } from "node:net";
import { expect, test } from "vitest";
import { createClientAddress } from "./client-address.ts";

function address(trusted: string[], remoteAddress: string, forwarded?: string): string {
  const headers = forwarded === undefined ? {} : { "x-forwarded-for": forwarded };
  return createClientAddress(trusted)({ headers, socket: { remoteAddress } as Socket });
}

test("nobody's header is believed but a trusted proxy's", () => {
  expect(address([], "203.0.113.9", "198.51.100.1")).toBe("203.0.113.9");
  expect(address(["10.0.0.0/8"], "203.0.113.9", "198.51.100.1")).toBe("203.0.113.9");
  expect(address(["10.0.0.0/8"], "10.1.2.3", "198.51.100.1")).toBe("198.51.100.1");
  expect(address(["10.0.0.0/8"], "::ffff:10.1.2.3", "198.51.100.1")).toBe("198.51.100.1");
});

test("of several hops the last that is not ours counts: those before it may be made up", () => {
  expect(address(["10.0.0.1", "10.0.0.2"], "10.0.0.1", "1.2.3.4, 198.51.100.1, 10.0.0.2")).toBe(
    "198.51.100.1",
  );
  expect(address(["10.0.0.1"], "10.0.0.1", "nonsense")).toBe("10.0.0.1");
  expect(address(["10.0.0.1"], "10.0.0.1")).toBe("10.0.0.1");
});

test("addresses of one IPv6 network are one", () => {
  expect(address([], "2001:db8:1:2:3:4:5:6")).toBe("2001:db8:1:2::/64");
  expect(address([], "2001:db8:1:2::1")).toBe("2001:db8:1:2::/64");
  expect(address([], "2001:0db8::1")).toBe("2001:db8:0:0::/64");
  expect(address([], "::1")).toBe("0:0:0:0::/64");
  expect(address(["fd00::/8"], "fd00::1", "2001:db8::7")).toBe("2001:db8:0:0::/64");
});

import { expect, test } from "vitest";
import type { Caller } from "../../src/core/caller.ts";
import { createRateLimit } from "../../src/core/rate-limits.ts";

const user = (userId: string): Caller => ({ userId, name: null, rights: "user", expiresAt: null });

test("a bucket holds a minute's worth and refills evenly; the refusal says how long to wait", () => {
  let at = 0;
  const limit = createRateLimit(2, () => at);
  limit.take(user("ann"));
  limit.take(user("ann"));
  expect(() => limit.take(user("ann"))).toThrow(
    expect.objectContaining({ code: "rate_limited", retryAfter: 30 }),
  );
  limit.take(user("bob"));
  at = 30_000;
  limit.take(user("ann"));
  expect(() => limit.take(user("ann"))).toThrow();
});

test("of more users than there are buckets the first is forgotten, and the rest stay limited", () => {
  const limit = createRateLimit(1, () => 0, 3);
  for (const id of ["a", "b", "c", "d"]) limit.take(user(id));
  for (const id of ["d", "c", "b"]) expect(() => limit.take(user(id)), id).toThrow();
  limit.take(user("a"));
});

test("buckets that are full again make room before others do", () => {
  let at = 0;
  const limit = createRateLimit(2, () => at, 3);
  for (const id of ["a", "a", "b", "c"]) limit.take(user(id));
  at = 31_000;
  limit.take(user("d"));
  limit.take(user("a"));
  expect(() => limit.take(user("a"))).toThrow();
});

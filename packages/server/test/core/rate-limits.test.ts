import { expect, test } from "vitest";
import { createInProcessBuckets } from "../../src/adapters/limits/in-process-buckets.ts";
import type { Caller } from "../../src/core/caller.ts";
import { createRateLimit } from "../../src/core/rate-limits.ts";

const user = (userId: string): Caller => ({ userId, name: null, rights: "user", expiresAt: null });

test("the refusal says how long to wait, whether there was something to wait for or not", async () => {
  const here = createRateLimit(
    2,
    createInProcessBuckets(2, () => 0),
  );
  const own = createInProcessBuckets(2, () => 0);
  const elsewhere = createRateLimit(2, { ...own, take: async (userId) => own.take(userId) });
  const refusal = expect.objectContaining({ code: "rate_limited", retryAfter: 30 });
  for (const limit of [here, elsewhere]) {
    await limit.take(user("ann"));
    await limit.take(user("ann"));
    await expect((async () => await limit.take(user("ann")))()).rejects.toThrow(refusal);
    limit.refund(user("ann"));
    await limit.take(user("ann"));
    for (const rights of ["service", "operator"] as const) {
      for (let i = 0; i < 3; i++) await limit.take({ ...user("ann"), rights });
    }
  }
});

test("of more users than there are buckets the first is forgotten, and the rest stay limited", () => {
  const buckets = createInProcessBuckets(1, () => 0, 3);
  for (const id of ["a", "b", "c", "d"]) expect(buckets.take(id)).toBe(0);
  for (const id of ["d", "c", "b"]) expect(buckets.take(id), id).toBeGreaterThan(0);
  expect(buckets.take("a")).toBe(0);
});

test("buckets that are full again make room before others do", () => {
  let at = 0;
  const buckets = createInProcessBuckets(2, () => at, 3);
  for (const id of ["a", "a", "b", "c"]) void buckets.take(id);
  at = 31_000;
  void buckets.take("d");
  expect(buckets.take("a")).toBe(0);
  expect(buckets.take("a")).toBeGreaterThan(0);
});

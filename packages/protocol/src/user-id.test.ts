import { expect, test } from "vitest";
import { isDisplayName, isUserId } from "./user-id.ts";

test.each([
  "user123",
  "2",
  "5f0c2f0e-8a51-4b62-9c4e-0f4f8a7a9d11",
  "auth0|x@y.org",
  "Žofie 🎈",
  "a".repeat(128),
  "🎈".repeat(128),
])("%s is a user id", (id) => {
  expect(isUserId(id)).toBe(true);
});

test.each([
  "",
  "a".repeat(129),
  "🎈".repeat(129),
  "a\u0000",
  "a\nb",
  "a\u007f",
  "a\u0085",
  "a\ud800",
  2,
  null,
  undefined,
  ["a"],
  {},
])("%j is none", (id) => {
  expect(isUserId(id)).toBe(false);
  expect(isDisplayName(id)).toBe(false);
});

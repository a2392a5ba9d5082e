import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { createSignedLinks } from "./signed-links.ts";

const key = randomBytes(32);
const START = Date.parse("2026-03-01T12:03:00Z");
const HOUR_MS = 3_600_000;
const parse = (query: string): unknown => Object.fromEntries(new URLSearchParams(query.slice(1)));

test("a link is good for the hour, and the same for five minutes", () => {
  let now = START;
  const links = createSignedLinks(key, HOUR_MS, () => now);
  const { query: first, expiresAt } = links.sign("/a", "ann b&c=d");
  expect(expiresAt).toBe(START + 57 * 60_000);
  now += 60_000;
  expect(links.sign("/a", "ann b&c=d").query).toBe(first);
  now = START + 55 * 60_000;
  expect(links.verify("/a", parse(first))).toMatchObject({ userId: "ann b&c=d", rights: "user" });
  now = START + 60 * 60_000;
  expect(() => links.verify("/a", parse(first))).toThrow("not valid");
});

test("it is a link to one thing for one user, by one key", () => {
  const links = createSignedLinks(key, HOUR_MS, () => START);
  const { query } = links.sign("/a", "ann");
  expect(links.verify("/a", {})).toBeNull();
  for (const [path, changed] of [
    ["/b", query],
    ["/a", query.replace("ann", "bob")],
    ["/a", query.replace(/expires=\d+/, `expires=${START + 1e9}`)],
    ["/a", query.replace(/signature=.*/, "signature=")],
    ["/a", query.replace(/&expires=\d+/, "")],
  ] as const) {
    expect(() => links.verify(path, parse(changed)), changed).toThrow("not valid");
  }
  expect(() => links.verify("/a", { ...(parse(query) as object), user: ["ann", "ann"] })).toThrow(
    "not valid",
  );
  expect(() => createSignedLinks(randomBytes(32), HOUR_MS, () => START).verify("/a", parse(query))).toThrow(
    "not valid",
  );
});

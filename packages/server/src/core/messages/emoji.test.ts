import { expect, test } from "vitest";
import { normalEmoji } from "./emoji.ts";
import { SHORTCODES } from "./shortcodes.ts";

test("an emoji is kept in its full form, whatever a keyboard leaves out", () => {
  for (const emoji of ["👍", "❤️", "👍🏽", "👩‍👩‍👧", "🏳️‍🌈", "🇩🇪", "1️⃣"]) expect(normalEmoji(emoji)).toBe(emoji);
  expect(normalEmoji("❤")).toBe("❤️");
  for (const text of [
    "",
    "a",
    "1",
    "👍👍",
    "👍 ",
    ":",
    "::",
    ":no_such_one:",
    "heart",
    `👍${"\u200d".repeat(100)}`,
  ]) {
    expect(normalEmoji(text), text).toBeNull();
  }
});

test("every shortcode is that of one emoji in its full form", () => {
  expect(SHORTCODES.size).toBeGreaterThan(300);
  for (const [code, emoji] of SHORTCODES) {
    expect(code).toMatch(/^:[a-z0-9_+-]+:$/);
    expect(normalEmoji(code), code).toBe(emoji);
    expect(normalEmoji(emoji), code).toBe(emoji);
  }
});

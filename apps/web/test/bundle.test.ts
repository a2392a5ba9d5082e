import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeAll, expect, test } from "vitest";
import { builtApp } from "./support/built-app.ts";

let directory: string;
beforeAll(async () => {
  directory = await builtApp();
});

const sizeOf = (name: string): number => gzipSync(readFileSync(join(directory, name))).length;

/** What a browser fetches before anything is clicked: the page, and what it names. */
function firstLoad(page: string): string[] {
  const html = readFileSync(join(directory, page), "utf8");
  const named = [...html.matchAll(/(?:src|href)="\/([^"]+)"/g)].map(([, name]) => name as string);
  return [page, ...named];
}

test.each([
  ["index.html", 200],
  ["dialects.html", 120],
])("the first load of %s is below %i KB, compressed", (page, limit) => {
  const files = firstLoad(page);
  expect(files.filter((name) => name.endsWith(".js")).length).toBeGreaterThan(0);
  const total = files.reduce((sum, name) => sum + sizeOf(name), 0);
  expect(total, files.map((name) => `${name}: ${sizeOf(name)}`).join("\n")).toBeLessThan(limit * 1_000);
});

test("what is rarely needed is not in it: the emoji, and the libraries of the other page", () => {
  const app = firstLoad("index.html").map((name) => readFileSync(join(directory, name), "utf8"));
  for (const word of ["emojibaseUrl", "heart-beat", "socket.io"]) {
    expect(
      app.some((text) => text.includes(word)),
      word,
    ).toBe(false);
  }
  expect(readdirSync(join(directory, "assets")).some((name) => name.startsWith("emoji-picker"))).toBe(true);
});

test("nothing names another host that it would ask", () => {
  const names = readdirSync(directory, { recursive: true, encoding: "utf8" });
  const texts = names.filter((name) => /\.(js|css|html)$/.test(name));
  for (const name of texts) {
    const text = readFileSync(join(directory, name), "utf8");
    expect(text.match(/(?:src|href)="(?:https?:)?\/\/[^"]+"|url\((?:https?:)?\/\/[^)]+\)/g), name).toBeNull();
  }
});

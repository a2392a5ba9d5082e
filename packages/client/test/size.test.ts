import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";
import { expect, test } from "vitest";

/** Bytes of an entry as an application's bundler would have it, gzipped. */
async function sizeOf(entry: string): Promise<number> {
  const input = fileURLToPath(new URL(`../src/${entry}.ts`, import.meta.url));
  const bundle = await rolldown({ input, external: ["react"], platform: "browser" });
  const { output } = await bundle.generate({ minify: true, format: "esm" });
  expect(output).toHaveLength(1);
  expect(output[0].imports.filter((name) => name !== "react")).toEqual([]);
  return gzipSync(output[0].code, { level: 9 }).length;
}

test.each([
  ["client", 15_000],
  ["offline", 1_000],
  ["storage", 1_000],
  ["react", 1_000],
  ["show", 1_000],
])("%s is small, and imports nothing of others", async (entry, limit) => {
  expect(await sizeOf(entry)).toBeLessThan(limit);
});

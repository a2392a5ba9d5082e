import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const PAGES = globSync(
  ["*.md", "docs/**/*.md", "bench/*.md", "packages/*/*.md", "packages/server/src/**/*.md", "apps/*/*.md"],
  {
    cwd: ROOT,
  },
);

const read = (page: string): string => readFileSync(join(ROOT, page), "utf8");

/** The anchors a page has, as they are made from its headings where Markdown is shown. */
function anchorsOf(page: string): string[] {
  return [...read(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_\- ]/gu, "")
      .trim()
      .replaceAll(" ", "-"),
  );
}

function brokenLinks(page: string): string[] {
  const prose = read(page).replaceAll(/```.*?```/gs, "");
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = ""]) => {
    if (/^[a-z]+:/.test(link)) return [];
    const [path = "", anchor] = link.split("#");
    const target = path === "" ? page : normalize(join(dirname(page), path));
    if (!existsSync(join(ROOT, target))) return [`${page}: ${link}`];
    return anchor === undefined || anchorsOf(target).includes(anchor) ? [] : [`${page}: ${link}`];
  });
}

test("every link from page to page leads somewhere", () => {
  expect(PAGES.length).toBeGreaterThan(20);
  expect(PAGES.flatMap(brokenLinks)).toEqual([]);
});

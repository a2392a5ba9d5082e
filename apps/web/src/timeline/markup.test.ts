import { describe, expect, test } from "vitest";
import { type Block, type Inline, parseMarkup, safeHref } from "./markup.ts";

/** As a line, to be compared: `em(...)`, `link[href](...)`. */
function spell(parts: readonly (Block | Inline)[]): string {
  return parts
    .map((part): string => {
      switch (part.kind) {
        case "text":
          return part.text;
        case "break":
          return "⏎";
        case "code":
          return `code(${part.text})`;
        case "link":
          return `link[${part.href}](${spell(part.children)})`;
        case "quote":
          return `quote(${spell(part.blocks)})`;
        case "list":
          return `list${part.start ?? ""}(${part.items.map(spell).join(" | ")})`;
        case "paragraph":
          return `p(${spell(part.children)})`;
        default:
          return `${part.kind}(${spell(part.children)})`;
      }
    })
    .join("");
}

test.each([
  ["plain", "p(plain)"],
  ["a **b** c", "p(a strong(b) c)"],
  ["*a* _b_ __c__ ~~d~~", "p(em(a) em(b) strong(c) del(d))"],
  ["***a***", "p(strong(em(a)))"],
  ["**a *b* c**", "p(strong(a em(b) c))"],
  ["2 * 3 * 4 and snake_case_name", "p(2 * 3 * 4 and snake_case_name)"],
  ["**not closed", "p(**not closed)"],
  ["`a **b**` ``c ` d``", "p(code(a **b**) code(c ` d))"],
  ["one\ntwo\n\nthree", "p(one⏎two)p(three)"],
  ["\\*a\\* \\\\", "p(*a* \\)"],
  ["```js\nlet **a**;\n\n```\nafter", "code(let **a**;\n)p(after)"],
  ["```\nnever closed", "code(never closed)"],
  ["> a\n> > b\nc", "quote(p(a)quote(p(b)))p(c)"],
  ["- a\n- *b*\n  - c\n\n3. d\n4. e", "list(p(a) | p(em(b))list(p(c)))list3(p(d) | p(e))"],
  ["- ", "p(-)"],
  [
    "see https://example.org/a_b_(c), or <https://x.org>.",
    "p(see link[https://example.org/a_b_(c)](https://example.org/a_b_(c)), or <link[https://x.org/](https://x.org)>.)",
  ],
  [
    "[here](https://example.org) [x](javascript:alert(1))",
    "p(link[https://example.org/](here) [x](javascript:alert(1)))",
  ],
  ["<b>no</b> <img src=x onerror=alert(1)>", "p(<b>no</b> <img src=x onerror=alert(1)>)"],
  ["", ""],
])("%j is read as %s", (text, expected) => {
  expect(spell(parseMarkup(text))).toBe(expected);
});

describe("addresses", () => {
  test.each([
    "javascript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "file:///etc/passwd",
    "//x.org",
    "java\nscript:x",
    "blob:x",
  ])("%j is not followed", (href) => expect(safeHref(href)).toBeNull());
});

test("what was written as text is all there, whatever it is", () => {
  const letters = (text: string): string => text.replace(/[^a-z]/g, "");
  const texts = ["**a_b*c__d~~e`f[g](h)>i\n- j\n```\nk", "*".repeat(50), "[[[[a]]]]((((b))))", "_a __b_ c__"];
  for (const text of texts) {
    const shown = JSON.stringify(parseMarkup(text), (key, value) => (key === "kind" ? undefined : value));
    for (const letter of letters(text)) expect(shown).toContain(letter);
  }
});

test("a text made to be slow is not: marks that nothing closes are looked for once", () => {
  for (const piece of ["*a ", "**a ", "_a ", "`a``", "[a](", "> ", "- ", "~~a ", "*a_b**c__"]) {
    const steps = countSteps(() => parseMarkup(piece.repeat(10_000 / piece.length)));
    expect(steps, piece).toBeLessThan(100_000);
  }
});

/** How often a text is searched through, as a measure that no busy machine changes. */
function countSteps(work: () => void): number {
  const { indexOf } = String.prototype;
  let steps = 0;
  String.prototype.indexOf = function (...args) {
    const found = indexOf.apply(this, args);
    steps += ((found === -1 ? this.length : found) - (args[1] ?? 0)) / 100 + 1;
    return found;
  };
  try {
    work();
  } finally {
    String.prototype.indexOf = indexOf;
  }
  return steps;
}

import { expect, test } from "vitest";
import { cycles, findings, importsOf, readImports, readRules, violations } from "./import-table.ts";

test("every source file keeps to the table in ARCHITECTURE.md, and none import in a ring", () => {
  expect(readImports().length).toBeGreaterThan(300);
  expect(findings()).toEqual([]);
});

test("imports are found in each form they take", () => {
  const text = `
import { a } from "./a.ts";
import type { B } from "../b.ts";
import {
  type C,
  c,
} from "@parlance/protocol/c.ts";
import "node:fs";
export { d } from "pkg/deep.js";
const e = await import("./e.ts");
// it says nothing from "nowhere"
`;
  expect(importsOf("packages/x/src/y/z.ts", text).map(({ target, typeOnly }) => [target, typeOnly])).toEqual([
    ["packages/x/src/y/a.ts", false],
    ["packages/x/src/b.ts", true],
    ["packages/protocol/src/c.ts", false],
    ["node:fs", false],
    ["pkg/deep.js", false],
    ["packages/x/src/y/e.ts", false],
  ]);
});

const RULES = readRules(
  `
## Who may import whom

| files | ours | others |
|---|---|---|
| \`core/\` | \`protocol/\` | \`node:crypto\` |
| \`client/\` | \`protocol/\`, types only | – |
| \`dialects/*/\` | \`core/door.ts\`, \`dialects/dialect.ts\` | any |
| \`server.ts\` | everything | any |
`,
  "",
);

test.each([
  ["core/a.ts", 'import { b } from "./deep/b.ts";', null],
  ["core/a.ts", 'import { b } from "../protocol/b.ts";', null],
  ["core/a.ts", 'import { b } from "../dialects/x/b.ts";', "imports dialects/x/b.ts"],
  ["core/a.ts", 'import { hash } from "node:crypto";', null],
  ["core/a.ts", 'import { connect } from "node:net";', "imports node:net"],
  ["core/a.ts", 'import { b } from "ws";', "imports ws"],
  ["client/a.ts", 'import type { B } from "../protocol/b.ts";', null],
  ["client/a.ts", 'import { B } from "../protocol/b.ts";', "imports more than types"],
  ["client/a.ts", 'import { type B } from "../protocol/b.ts";', "imports more than types"],
  ["dialects/x/a.ts", 'import { b } from "./b.ts";', null],
  ["dialects/x/a.ts", 'import { b } from "../y/b.ts";', "imports dialects/y/b.ts"],
  ["dialects/x/a.ts", 'import { b } from "../../core/door.ts";', null],
  ["dialects/x/a.ts", 'import { b } from "../../core/policy.ts";', "imports core/policy.ts"],
  ["server.ts", 'import { b } from "./anything/b.ts";', null],
  ["attic/a.ts", 'import { b } from "./b.ts";', "its room is not in the table"],
])("%s with %s: %s", (file, text, complaint) => {
  const found = violations(RULES, importsOf(file, text));
  expect(found).toEqual(complaint === null ? [] : [expect.stringContaining(complaint)]);
});

test("a ring of values is found, a ring of types is none", () => {
  const ring = (keyword: string) => [
    ...importsOf("a.ts", 'import { b } from "./b.ts";'),
    ...importsOf("b.ts", 'import { c } from "./c.ts";'),
    ...importsOf("c.ts", `import ${keyword}{ a } from "./a.ts";`),
  ];
  expect(cycles(ring(""))).toEqual(["a.ts → b.ts → c.ts → a.ts"]);
  expect(cycles(ring("type "))).toEqual([]);
});

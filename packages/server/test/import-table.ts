/**
 * Holds the imports of every source file to the table in ARCHITECTURE.md, under "Who may import whom". Run by
 * itself it prints what breaks the table and exits with 1: `npm run check:imports`.
 */
import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** One row: what files of a room may import beside their own room. Paths are relative to the repository. */
export interface Rule {
  /** A file, or a folder ending in `/`; `*` is one folder of any name, each of which is a room of its own. */
  readonly room: string;
  /** Files and folders of ours; `*` among them: all. */
  readonly ours: readonly string[];
  /** Node's modules and packages by name; `*` among them: all. */
  readonly foreign: readonly string[];
  /** Of ours, only what leaves nothing behind when types are stripped. */
  readonly typesOnly: boolean;
}

export interface Import {
  readonly file: string;
  /** A path relative to the repository, or a package's or Node module's name. */
  readonly target: string;
  readonly ours: boolean;
  readonly typeOnly: boolean;
}

const IMPORT =
  /(?:^|\n)\s*(?:import|export)(\s+type)?\s[^"';]*?\sfrom\s*"([^"]+)"|(?:^|\n)\s*import\s*"([^"]+)"|\bimport\(\s*"([^"]+)"/g;

/** The imports in a source text. */
export function importsOf(file: string, text: string): Import[] {
  return [...text.matchAll(IMPORT)].map(([, type, from, bare, dynamic]) => {
    const specifier = (from ?? bare ?? dynamic) as string;
    const target = specifier.startsWith(".")
      ? normalize(join(dirname(file), specifier))
      : specifier.replace(/^@parlance\/(\w+)(?=\/|$)/, "packages/$1/src");
    return { file, target, ours: target !== specifier, typeOnly: type !== undefined };
  });
}

const SERVER = "packages/server/src/";

/**
 * The rules as the page states them; throws where it states none.
 * @param base what its paths are relative to where they do not say `packages/`, `apps/` or `bench/`
 */
export function readRules(page: string, base = SERVER): Rule[] {
  const section = page.split(/^## /m).find((part) => part.startsWith("Who may import whom"));
  const rows = [...(section ?? "").matchAll(/^\| `([^`]+)` *\|([^|]*)\|([^|]*)\|/gm)];
  if (rows.length === 0) throw new Error("no table of imports was found");
  const quoted = (cell: string): string[] =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name as string);
  const full = (path: string): string => (/^(packages|apps|bench)\//.test(path) ? path : base + path);
  return rows.map(([, room = "", ours = "", foreign = ""]) => ({
    room: full(room),
    ours: ours.trim() === "everything" ? ["*"] : quoted(ours).map(full),
    foreign: foreign.trim() === "any" ? ["*"] : quoted(foreign),
    typesOnly: ours.includes("types only"),
  }));
}

/** What breaks the rules, a line each. */
export function violations(rules: readonly Rule[], imports: readonly Import[]): string[] {
  return [...new Set(imports.flatMap((one) => complaint(rules, one) ?? []))];
}

function complaint(rules: readonly Rule[], { file, target, ours, typeOnly }: Import): string | null {
  const found = rules
    .map((rule) => ({ rule, own: within(rule.room, file) }))
    .filter(({ own }) => own !== null)
    .sort((a, b) => b.rule.room.length - a.rule.room.length)[0];
  if (found === undefined) return `${file}: its room is not in the table`;
  const { rule, own } = found;
  if (!ours) {
    const name = target.startsWith("node:") ? target : packageOf(target);
    if (rule.foreign.includes("*") || rule.foreign.includes(name)) return null;
    return `${file}: imports ${name}, which ${rule.room} may not`;
  }
  if (target.startsWith(own as string) && (own as string).endsWith("/")) return null;
  if (!rule.ours.some((allowed) => allowed === "*" || within(allowed, target) !== null)) {
    return `${file}: imports ${target}, which ${rule.room} may not`;
  }
  return rule.typesOnly && !typeOnly ? `${file}: imports more than types of ${target}` : null;
}

/** The part of `path` that `room` stands for, or null where it stands for none. */
function within(room: string, path: string): string | null {
  if (!room.endsWith("/")) return room === path ? path : null;
  const pattern = room.replaceAll(/[.]/g, "\\.").replaceAll("*", "[^/]+");
  return new RegExp(`^${pattern}`).exec(path)?.[0] ?? null;
}

function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

/** Rings of files that import one another's values: such a ring has no order in which it can be loaded. */
export function cycles(imports: readonly Import[]): string[] {
  const next = new Map<string, string[]>();
  for (const { file, target, ours, typeOnly } of imports) {
    if (ours && !typeOnly) next.set(file, [...(next.get(file) ?? []), target]);
  }
  const found: string[] = [];
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): void => {
    const at = path.indexOf(file);
    if (at !== -1) {
      found.push([...path.slice(at), file].join(" → "));
      return;
    }
    if (done.has(file)) return;
    for (const target of next.get(file) ?? []) walk(target, [...path, file]);
    done.add(file);
  };
  for (const file of next.keys()) walk(file, []);
  return found;
}

/** The imports of every source file; tests and what only they use may look anywhere. */
export function readImports(): Import[] {
  const files = globSync(["packages/*/src/**/*.ts", "apps/*/src/**/*.{ts,tsx}", "bench/src/**/*.ts"], {
    cwd: ROOT,
  });
  return files
    .filter((file) => !file.endsWith(".test.ts") && !file.includes("/testing/"))
    .flatMap((file) => importsOf(file, readFileSync(join(ROOT, file), "utf8")));
}

/** Everything that is wrong in this repository. */
export function findings(): string[] {
  const imports = readImports();
  const rules = readRules(readFileSync(join(ROOT, "ARCHITECTURE.md"), "utf8"));
  return [...violations(rules, imports), ...cycles(imports)];
}

if (import.meta.main) {
  const found = findings();
  for (const line of found) process.stderr.write(`${line}\n`);
  process.exitCode = found.length === 0 ? 0 : 1;
}

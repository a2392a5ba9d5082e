/** What plain YAML can say. */
export type Yaml = string | number | boolean | null | readonly Yaml[] | { readonly [key: string]: Yaml };

interface Line {
  readonly indent: number;
  readonly text: string;
  readonly number: number;
}

/**
 * Reads documents that keep to blocks of maps, lists and one-line scalars, as our own files do. Throws, with the line,
 * on anything else: anchors, flow collections, text over several lines, tabs, a key that comes twice.
 */
export function readPlainYaml(source: string): Yaml[] {
  return source.split(/^---$/m).map((document) => {
    const lines = document
      .split("\n")
      .map((raw, i) => ({ indent: raw.search(/\S|$/), text: raw.trim(), number: i + 1 }))
      .filter(({ text }) => text !== "" && !text.startsWith("#"));
    const value = readBlock(lines, lines[0]?.indent ?? 0);
    if (lines[0] !== undefined) throw new Error(`line ${lines[0].number}: indented as nothing before it`);
    return value;
  });
}

function readBlock(lines: Line[], indent: number): Yaml {
  const isList = lines[0]?.text.startsWith("- ") ?? false;
  const list: Yaml[] = [];
  const map = new Map<string, Yaml>();
  for (let line = lines[0]; line?.indent === indent; line = lines[0]) {
    if (line.text.startsWith("- ") !== isList)
      throw new Error(`line ${line.number}: a list and a map at once`);
    lines.shift();
    if (isList) {
      const text = line.text.slice(2);
      // What stands behind the dash is the first line of a block of its own.
      if (KEY.test(text)) {
        lines.unshift({ ...line, indent: indent + 2, text });
        list.push(readBlock(lines, indent + 2));
      } else list.push(readScalar(text, line.number));
      continue;
    }
    const [, quoted, plain, rest = ""] = KEY.exec(line.text) ?? [];
    const key = quoted ?? plain;
    if (key === undefined || map.has(key)) throw new Error(`line ${line.number}: no new key`);
    const next = lines[0];
    const isDeeper =
      next !== undefined && (next.indent > indent || (next.indent === indent && next.text.startsWith("- ")));
    if (rest !== "") map.set(key, readScalar(rest, line.number));
    else map.set(key, isDeeper ? readBlock(lines, next.indent) : null);
  }
  return isList ? list : Object.fromEntries(map);
}

const KEY = /^(?:"([^"]*)"|([A-Za-z0-9_./-]+)):(?: +(.*))?$/;

function readScalar(text: string, number: number): Yaml {
  const quoted = /^"((?:[^"\\])*)"$/.exec(text);
  if (quoted !== null) return quoted[1] as string;
  if (/^[&*!|>'"%@`[{]/.test(text) || / #|: |\t/.test(text))
    throw new Error(`line ${number}: not a plain scalar`);
  if (/^-?\d+$/.test(text)) return Number(text);
  if (text === "true" || text === "false") return text === "true";
  return text === "null" ? null : text;
}

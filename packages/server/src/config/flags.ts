import { parseArgs } from "node:util";
import { ALL_OPTIONS } from "./table.ts";

/** What a command line says, apart from what it means. */
export interface Flags {
  /** Option texts by environment name (`PORT`, `JWT_SECRET_FILE`). */
  readonly values: Readonly<Record<string, string>>;
  /** The flags that are no options, by their own name; true where one takes no value. */
  readonly own: Readonly<Record<string, string | true>>;
  /** What is no flag, in order. */
  readonly words: readonly string[];
  readonly problems: readonly string[];
}

/** `MAX_BODY_BYTES` → `max-body-bytes` */
export function flagOf(name: string): string {
  return name.toLowerCase().replaceAll("_", "-");
}

const OPTION_FLAGS = new Map<string, string>(
  ALL_OPTIONS.flatMap(([name, option]) =>
    [name, ...(option.aliases ?? [])].flatMap((spelling): [string, string][] => [
      [flagOf(spelling), spelling],
      [flagOf(`${spelling}_FILE`), `${spelling}_FILE`],
    ]),
  ),
);

/**
 * Reads `--port 9000` and `--port=9000` for every option, and the flags in `own`, which a command has
 * beside the options.
 */
export function parseFlags(
  argv: readonly string[],
  own: Readonly<Record<string, "string" | "boolean">> = {},
): Flags {
  const known = Object.fromEntries([
    ...Array.from(OPTION_FLAGS.keys(), (flag) => [flag, { type: "string" as const }]),
    ...Object.entries(own).map(([flag, type]) => [flag, { type }]),
  ]);
  const { tokens } = parseArgs({
    args: [...argv],
    options: known,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values: Record<string, string> = {};
  const ownValues: Record<string, string | true> = {};
  const words: string[] = [];
  const problems: string[] = [];
  let strayAt = -1;
  for (const token of tokens) {
    // What stands behind a flag that does not exist was meant as its value, and is no command.
    if (token.kind === "positional" && token.index !== strayAt) words.push(token.value);
    if (token.kind !== "option") continue;
    const { name, value, inlineValue, rawName } = token;
    const option = OPTION_FLAGS.get(name);
    if (option === undefined && own[name] === undefined) {
      problems.push(`${rawName}: no such flag; parlance --help lists them`);
      if (value === undefined) strayAt = token.index + 1;
    } else if (own[name] === "boolean") {
      if (value === undefined) ownValues[name] = true;
      else problems.push(`${rawName}: takes no value`);
    } else if (value === undefined || (!inlineValue && value.startsWith("--"))) {
      problems.push(`${rawName}: needs a value`);
    } else if (option === undefined) {
      ownValues[name] = value;
    } else if (values[option] !== undefined) {
      problems.push(`${rawName}: given twice`);
    } else {
      values[option] = value;
    }
  }
  return { values, own: ownValues, words, problems };
}

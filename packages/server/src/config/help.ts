import { flagOf } from "./flags.ts";
import { ALL_OPTIONS, GROUPS, type Option } from "./table.ts";

const USAGE = `Usage: parlance [start] [flags]                            start the server
       parlance token <user> [--name N] [--ttl 24h]        mint a token (open mode)
       parlance deactivate <user> | activate <user>        shut a user out, let one in again
       parlance simulate [--messages 100] [--interval 1s]  send messages to a running server and say how it went
                         [--url U] [--token T]
       parlance dead-letters list | replay <name>|--all    queued messages that could not be stored
       parlance docs [--check]                             write docs/configuration.md, or see that it is current
       parlance --help | --version

Every option is a flag (--port 9000), an environment variable (PORT=9000) or a line in .env; the first of
these that names it counts. Each also has a form that names a file holding the value: JWT_SECRET_FILE.
`;

export function helpText(): string {
  const groups = GROUPS.map((group) => {
    const options = ALL_OPTIONS.filter(([, option]) => option.group === group);
    return [`${group}`, ...options.map(([name, option]) => helpEntry(name, option))].join("\n");
  });
  return [USAGE, ...groups].join("\n");
}

function helpEntry(name: string, option: Option<unknown>): string {
  const head = `  --${flagOf(name)} (${[name, ...(option.aliases ?? [])].join(", ")})`;
  const fallback = describeDefault(option);
  return [head, `      ${option.text}`, `      ${capitalise(option.kind.expected)}.${fallback}`, ""].join(
    "\n",
  );
}

function describeDefault(option: Option<unknown>): string {
  if (option.fallback === null || option.fallback === "") return "";
  const open = option.openFallback === undefined ? "" : ` (${option.openFallback} in open mode)`;
  return ` Default: ${option.fallback}${open}.`;
}

/** docs/configuration.md */
export function configurationPage(): string {
  const groups = GROUPS.map((group) => {
    const rows = ALL_OPTIONS.filter(([, option]) => option.group === group).map(pageRow);
    return [`## ${group}`, "", ...table([["Option", "Default", "Expected", "Meaning"], ...rows]), ""].join(
      "\n",
    );
  });
  return [
    "# Configuration",
    "",
    "<!-- Written by `npm run docs` from packages/server/src/config/table.ts; changes made here are lost. -->",
    "",
    "Each option can be given as a flag (`--port 9000`), in the environment (`PORT=9000`) or in a `.env` file",
    "in the working directory; the first of these that names it counts. Each also has a form that names a file",
    "holding the value (`JWT_SECRET_FILE=/run/secrets/jwt`, `--jwt-secret-file`), which keeps a secret out of the",
    "process list. Wrong values are reported at start, all of them at once, and the server does not start.",
    "",
    "Without `JWT_SECRET` and `JWT_JWKS_URL` the server is in **open mode**: it believes whoever calls, listens on",
    "loopback only and answers only requests whose `Host` and `Origin` are loopback or in `OPEN_MODE_HOSTS`.",
    "",
    ...groups,
  ].join("\n");
}

function pageRow([name, option]: readonly [string, Option<unknown>]): readonly string[] {
  const names = [name, ...(option.aliases ?? [])].map((spelling) => `\`${spelling}\``).join(" or ");
  const open = option.openFallback === undefined ? "" : `; \`${option.openFallback}\` in open mode`;
  const fallback = option.fallback ? `\`${option.fallback}\`${open}` : "–";
  return [names, fallback, option.kind.expected, option.text].map((cell) => cell.replaceAll("*", "\\*"));
}

/** A Markdown table with its columns aligned, as the formatter wants it. */
function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const [head, ...body] = rows;
  const rule = widths.map((width) => "-".repeat(width));
  return [head!, rule, ...body].map(
    (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`,
  );
}

function capitalise(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

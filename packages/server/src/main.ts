#!/usr/bin/env node
import { writeDocs } from "./cli/docs.ts";
import { DEFAULT_MESSAGES, runSimulate } from "./cli/simulate.ts";
import { DEFAULT_TTL, makeToken } from "./cli/token.ts";
import { type Flags, parseFlags } from "./config/flags.ts";
import { helpText } from "./config/help.ts";
import { type Config, loadConfig, readEnvironment } from "./config.ts";
import { StartupError } from "./core/ports/startup-error.ts";
import { VERSION } from "./version.ts";

const GENERAL_FLAGS = { help: "boolean", h: "boolean", version: "boolean" } as const;
const COMMAND_FLAGS = {
  name: "string",
  ttl: "string",
  check: "boolean",
  messages: "string",
  interval: "string",
  url: "string",
  token: "string",
  all: "boolean",
} as const;

interface Command {
  readonly flags: readonly (keyof typeof COMMAND_FLAGS)[];
  /** How many words follow the command's name. */
  readonly words: number;
  /** Resolves to the exit code. */
  readonly run: (flags: Flags) => Promise<number>;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  start: {
    flags: [],
    words: 0,
    async run(flags) {
      const config = readConfig(flags);
      // Loaded here, so that the other commands need neither database nor sockets.
      const { start } = await import("./cli/start.ts");
      return start(config);
    },
  },
  token: {
    flags: ["name", "ttl"],
    words: 1,
    async run(flags) {
      const { name = null, ttl = DEFAULT_TTL } = flags.own as Readonly<Record<string, string>>;
      process.stdout.write(`${await makeToken(readConfig(flags), flags.words[1], name, ttl)}\n`);
      return 0;
    },
  },
  simulate: {
    flags: ["messages", "interval", "url", "token"],
    words: 0,
    async run(flags) {
      const {
        messages = DEFAULT_MESSAGES,
        interval = null,
        url = null,
        token = null,
      } = flags.own as Readonly<Record<string, string>>;
      return await runSimulate(readConfig(flags), { messages, interval, url, token }, process.stdout);
    },
  },
  deactivate: { flags: [], words: 1, run: (flags) => setActivity(flags, true) },
  activate: { flags: [], words: 1, run: (flags) => setActivity(flags, false) },
  "dead-letters": {
    flags: ["all"],
    words: 2,
    async run(flags) {
      const config = readConfig(flags);
      const { runDeadLetters } = await import("./cli/dead-letters.ts");
      return print(`${await runDeadLetters(config, flags.words.slice(1), flags.own.all === true)}\n`);
    },
  },
  docs: {
    flags: ["check"],
    words: 0,
    async run({ own, problems }) {
      if (problems.length > 0) throw new StartupError(problems.join("\n"));
      await writeDocs(own.check === true);
      return 0;
    },
  },
};

async function main(argv: readonly string[]): Promise<number> {
  const flags = parseFlags(argv, { ...GENERAL_FLAGS, ...COMMAND_FLAGS });
  if (flags.own.help || flags.own.h) return print(helpText());
  if (flags.own.version) return print(`${VERSION}\n`);
  const name = flags.words[0] ?? "start";
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name]! : undefined;
  if (command === undefined)
    throw new StartupError(`parlance ${name}: no such command; parlance --help lists them`);
  const foreign = Object.keys(flags.own).filter(
    (flag) => !(command.flags as readonly string[]).includes(flag),
  );
  const problems = [
    ...flags.problems,
    ...foreign.map((flag) => `--${flag}: not a flag of parlance ${name}`),
    ...flags.words.slice(1 + command.words).map((word) => `${word}: one word too many`),
  ];
  return command.run({ ...flags, problems });
}

async function setActivity(flags: Flags, deactivated: boolean): Promise<number> {
  const config = readConfig(flags);
  const { setDeactivated } = await import("./cli/deactivate.ts");
  return print(`${await setDeactivated(config, flags.words[1], deactivated)}\n`);
}

function readConfig(flags: Flags): Config {
  const { env, dotenv } = readEnvironment();
  return loadConfig(env, flags, dotenv);
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

// Whoever read our output may be gone (`parlance | head`, a closed terminal); that is no reason to stop.
process.stdout.on("error", () => {});
process.stderr.on("error", () => {});

try {
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`${error instanceof StartupError ? error.message : (error as Error).stack}\n`);
  process.exit(1);
}

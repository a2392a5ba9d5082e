import { parseArgs } from "node:util";
import type { Sizes, WorkloadName } from "./workloads/sample.ts";

export const WORKLOADS = [
  "W1",
  "W2",
  "W3",
  "W4",
  "W5",
  "W6",
  "W7",
  "W8",
  "W10",
  "W11",
  "W12",
] as const satisfies WorkloadName[];

/** What runs where none is named. */
const USUAL: readonly WorkloadName[] = ["W1", "W2", "W3", "W4"];

export type Options = {
  workloads: WorkloadName[];
  sizes: Sizes;
  /** Bars are held against the standard sizes only. */
  judged: boolean;
  compare: string | undefined;
  profile: boolean;
  plot: string | undefined;
  out: string | undefined;
  help: boolean;
};

export const HELP = `npm run bench -- [W1 W2 W3 W4 W5 W6 W7 W8 W10 W11 W12] [options]

  Without a name: W1 to W4.

  --rounds N       rounds of every workload (standard: 5 of W1, which syncs to disk, 3 of the others)
  --seconds N      measured seconds of each case (standard: 3 in W1, 2 in W2)
  --quick          smallest sizes, one round, under a minute: does it run, is it right; no bars
  --messages N     messages that W5, W10 and W11 read among (standard: 50000)
  --backlog N      messages that wait before W7 drains them (standard: 100000)
  --full           more rounds, longer cases, a million messages before the crash and in the backlog
  --compare REF    the working tree against a git ref, without baselines
  --profile        where the server's CPU goes, by stage, in W1 and W2; no baselines
  --out FILE       where the results go (standard: bench/results/<time>.json)
  --plot FILE      draws the ladders of a results file beside it and measures nothing
`;

const STANDARD: Sizes = {
  rounds: 3,
  roundsSynced: 5,
  warmSeconds: 1,
  seconds: 3,
  fanoutSeconds: 2,
  pairs: 200,
  openRates: [4000, 8000],
  // With the sender, the most that a conversation takes.
  listeners: [500, 1000, 4999],
  smallRooms: 100,
  idle: [1000, 5000, 20_000],
  restSeconds: 10,
  settleSeconds: 1.5,
  storedBeforeCrash: 200_000,
  libraryConversations: 1_000,
  libraryMessages: 50_000,
  users: 5_000,
  backlog: 100_000,
  checkEvery: 10,
};

const QUICK: Sizes = {
  rounds: 1,
  roundsSynced: 1,
  warmSeconds: 0.1,
  seconds: 0.3,
  fanoutSeconds: 0.3,
  pairs: 8,
  openRates: [200],
  listeners: [20],
  smallRooms: 2,
  idle: [50],
  restSeconds: 0.3,
  settleSeconds: 0.2,
  storedBeforeCrash: 500,
  libraryConversations: 20,
  libraryMessages: 1_500,
  users: 30,
  backlog: 2_000,
  checkEvery: 2,
};

const FULL: Sizes = {
  ...STANDARD,
  rounds: 7,
  roundsSynced: 9,
  seconds: 10,
  fanoutSeconds: 10,
  warmSeconds: 3,
  storedBeforeCrash: 1_000_000,
  libraryMessages: 1_000_000,
  users: 10_000,
  backlog: 1_000_000,
};

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} needs a number above 0, not "${text}"`);
  return value;
}

function isWorkload(name: string): name is WorkloadName {
  return (WORKLOADS as readonly string[]).includes(name);
}

/** @throws Error in words for the user, on an unknown option, workload or number. */
export function readOptions(argv: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      rounds: { type: "string" },
      seconds: { type: "string" },
      backlog: { type: "string" },
      messages: { type: "string" },
      quick: { type: "boolean", default: false },
      full: { type: "boolean", default: false },
      compare: { type: "string" },
      profile: { type: "boolean", default: false },
      plot: { type: "string" },
      out: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  const workloads = positionals.map((name) => {
    const upper = name.toUpperCase();
    if (!isWorkload(upper))
      throw new Error(`there is no workload ${name}; there are ${WORKLOADS.join(", ")}`);
    return upper;
  });
  const sizes = { ...(values.quick ? QUICK : values.full ? FULL : STANDARD) };
  if (values.rounds !== undefined) {
    sizes.rounds = Math.ceil(positive("rounds", values.rounds));
    sizes.roundsSynced = sizes.rounds;
  }
  if (values.seconds !== undefined) {
    sizes.seconds = positive("seconds", values.seconds);
    sizes.fanoutSeconds = sizes.seconds;
  }
  if (values.messages !== undefined) sizes.libraryMessages = Math.ceil(positive("messages", values.messages));
  if (values.backlog !== undefined) sizes.backlog = Math.ceil(positive("backlog", values.backlog));
  return {
    workloads: workloads.length > 0 ? workloads : [...USUAL],
    sizes,
    judged: !values.quick,
    compare: values.compare,
    profile: values.profile,
    plot: values.plot,
    out: values.out,
    help: values.help,
  };
}

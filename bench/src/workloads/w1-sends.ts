import type { PairsJob } from "../generator/jobs.ts";
import { usageOf } from "../measure/process-usage.ts";
import { bareInsert } from "../peers/bare-insert.ts";
import { naiveSocketio, naiveWsOne, naiveWsPool } from "../peers/naive.ts";
import { inDialect, type Peer } from "../peers/peer.ts";
import { startPostgres } from "../peers/postgres.ts";
import { rabbitmqQueues } from "../peers/rabbitmq.ts";
import { bottleneckOf, measureJob, sharesOf } from "./measured.ts";
import type { Context, Sizes } from "./sample.ts";
import { alternate, type Entrant, entrantOf } from "./turns.ts";

type Load = Pick<PairsJob, "pairs" | "window" | "rate">;

/** The load of a case by its name: `200x10` is pairs × window, `open 4000/s` a fixed rate over all pairs. */
export function loadOf(name: string, sizes: Sizes): Load {
  const open = /^open (\d+)\/s$/.exec(name);
  if (open) return { pairs: sizes.pairs, rate: Number(open[1]) };
  const [pairs, window] = name.split("x").map(Number);
  return { pairs: pairs!, window: window! };
}

export function caseNames(sizes: Sizes): { many: string; some: string; one: string; open: string[] } {
  return {
    many: `${sizes.pairs}x10`,
    some: `${Math.max(1, sizes.pairs >> 2)}x1`,
    one: "1x1",
    open: sizes.openRates.map((rate) => `open ${rate}/s`),
  };
}

function served(context: Context, peer: Peer, cases: readonly string[]): Entrant {
  const { checkEvery, warmSeconds, seconds } = context.sizes;
  return entrantOf(context, "W1", peer, cases, async (round, running) => {
    for (const [index, name] of cases.entries()) {
      const job: PairsJob = {
        kind: "pairs",
        port: running.port,
        driver: peer.driver,
        tag: `${context.seed}w1-${round}-${index}-`,
        ...{ checkEvery, warmSeconds, seconds, ...loadOf(name, context.sizes) },
      };
      await measureJob(context, "W1", round, peer, running, job, () => name);
    }
  });
}

/** The same rows under the same indexes with nobody in between, in a PostgreSQL of its own. */
function bare(context: Context, many: string): Entrant {
  const name = "bare batch insert";
  return {
    name,
    async run(round) {
      const directory = context.freshDirectory();
      const postgres = await startPostgres(directory);
      const usages = [usageOf(0, directory), usageOf(0, directory)];
      const cpu = { begin: process.cpuUsage(), end: process.cpuUsage() };
      try {
        const result = await bareInsert(postgres.config, {
          warmSeconds: context.sizes.warmSeconds,
          seconds: context.sizes.seconds,
          onMeasure: (edge) => {
            usages[edge === "begin" ? 0 : 1] = usageOf(0, directory);
            cpu[edge] = process.cpuUsage();
          },
        });
        const client = cpu.end.user + cpu.end.system - cpu.begin.user - cpu.begin.system;
        const shares = sharesOf(usages[0]!, usages[1]!, client);
        context.add({
          workload: "W1",
          case: many,
          peer: name,
          durability: "committed",
          round,
          metrics: {
            per_second: result.rows / result.seconds,
            database_cpu_us: (shares.database * result.seconds * 1e6) / result.rows,
            database_share: shares.database,
            generator_share: shares.generator,
            foreign_share: Math.max(0, shares.machine - shares.database - shares.generator),
          },
          histograms: {},
          bottleneck: bottleneckOf(shares, context.cores),
        });
      } finally {
        await postgres.stop();
        context.discard(directory);
      }
    },
  };
}

/** How many durable messages a second, and what each waits. */
export async function w1Sends(context: Context, ours: Peer): Promise<void> {
  const { many, some, one, open } = caseNames(context.sizes);
  const entrants = [
    served(context, ours, [many, some, one, ...open]),
    served(context, inDialect(ours, "queue"), [many]),
    served(context, inDialect(ours, "socketio"), [many]),
    served(context, inDialect(ours, "sse"), [many]),
    served(context, inDialect(ours, "stomp"), [many]),
    bare(context, many),
    served(context, naiveWsPool, [many, ...open.slice(0, 1)]),
    served(context, naiveWsOne, [many, one]),
    served(context, naiveSocketio, [many]),
    served(context, rabbitmqQueues, [some]),
  ];
  await alternate(context, "W1", entrants, context.sizes.roundsSynced);
}

/** The same cases on two of ours, and no baselines. */
export async function w1Compared(context: Context, ours: readonly Peer[]): Promise<void> {
  const { many, some, one, open } = caseNames(context.sizes);
  const entrants = ours.map((peer) => served(context, peer, [many, some, one, ...open]));
  await alternate(context, "W1", entrants, context.sizes.roundsSynced);
}

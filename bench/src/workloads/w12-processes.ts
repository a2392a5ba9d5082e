import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runJob } from "../generator/generator.ts";
import type { PairsJob } from "../generator/jobs.ts";
import { type Usage, usageOf } from "../measure/process-usage.ts";
import { barePubSub } from "../peers/bare-pubsub.ts";
import { parlance } from "../peers/parlance.ts";
import type { Peer, Running } from "../peers/peer.ts";
import { bottleneckOf, failed, faultOf, inOrder, sharesOf } from "./measured.ts";
import type { Context } from "./sample.ts";
import { databaseUrl, hasRedis, withServers } from "./servers.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const WINDOW = 10;
export const HALF_LOAD = "half load";
export const BARE_BUS = "bare SPUBLISH";
export const onOne = (ours: string): string => `${ours}, one process`;

type Entrant = { name: string; run(round: number): Promise<void> };

/** All servers as one, and of what is not theirs PostgreSQL and Redis together. */
function usage(running: readonly Running[], directory: string): Usage {
  const all = usageOf(0, directory);
  const own = running.map(({ pid }) => usageOf(pid, `${directory}/nothing`).server);
  const server = own.reduce((sum, one) => sum + one, 0);
  // The servers' directories are below, but only PostgreSQL and Redis name them.
  return { ...all, server };
}

const redisTime = (directory: string): number => usageOf(0, join(directory, "redis")).database;

/** @returns messages a second; each goes to somebody on another process where there is one */
async function measurePairs(
  context: Context,
  round: number,
  peer: Peer,
  running: readonly Running[],
  directory: string,
  name: string,
  load: Pick<PairsJob, "window" | "rate">,
): Promise<number> {
  const [first, second] = running as [Running, Running?];
  const edges = { begin: usage(running, directory), end: usage(running, directory) };
  const redis = { begin: 0, end: 0 };
  const result = await runJob(
    {
      kind: "pairs",
      port: first.port,
      ...(second !== undefined && { otherPort: second.port }),
      driver: peer.driver,
      tag: `${context.seed}w12-${round}-${name.replaceAll(" ", "")}-`,
      checkEvery: context.sizes.checkEvery,
      warmSeconds: context.sizes.warmSeconds,
      seconds: context.sizes.seconds,
      pairs: context.sizes.pairs,
      ...load,
    },
    (edge) => {
      edges[edge] = usage(running, directory);
      redis[edge] = redisTime(directory);
    },
  );
  const [phase] = result.phases;
  if (phase === undefined) return 0;
  const shares = sharesOf(edges.begin, edges.end, phase.generatorCpu);
  const each = (share: number) => (share * phase.seconds * 1e6) / Math.max(1, phase.delivered);
  const failure = faultOf(result.truth, true);
  context.add({
    workload: "W12",
    case: name,
    peer: peer.name,
    durability: peer.durability,
    round,
    metrics: {
      per_second: phase.delivered / phase.seconds,
      server_cpu_us: each(shares.server),
      database_cpu_us: each(shares.database),
      redis_cpu_us: (redis.end - redis.begin) / Math.max(1, phase.delivered),
      server_share: shares.server,
      database_share: shares.database,
      generator_share: shares.generator,
      foreign_share: Math.max(0, shares.machine - shares.server - shares.database - shares.generator),
    },
    histograms: { latency: phase.latency, second: phase.second },
    truth: result.truth,
    bottleneck: bottleneckOf(shares, context.cores),
    ...(failure === undefined ? {} : { failure }),
  });
  return phase.delivered / phase.seconds;
}

function served(context: Context, name: string, processes: number): Entrant {
  return {
    name,
    run: (round) =>
      withServers(context, async ({ postgres, redis, directory }) => {
        const peer = parlance(ROOT, name, {
          DATABASE_URL: databaseUrl(postgres),
          ...(processes > 1 && { REDIS_URL: redis.url }),
        });
        const running: Running[] = [];
        const full = `${context.sizes.pairs}x${WINDOW}`;
        try {
          for (let i = 0; i < processes; i++) running.push(await peer.start(join(directory, `server-${i}`)));
          const most = await measurePairs(context, round, peer, running, directory, full, { window: WINDOW });
          const rate = Math.max(1, Math.round(most / 2));
          await measurePairs(context, round, peer, running, directory, HALF_LOAD, { rate });
        } catch (error) {
          context.add(failed("W12", full, peer, round, (error as Error).message));
        } finally {
          await Promise.all(running.map((one) => one.stop()));
        }
      }),
  };
}

function bare(context: Context): Entrant {
  return {
    name: BARE_BUS,
    run: (round) =>
      withServers(context, async ({ redis, directory }) => {
        const time = { begin: 0, end: 0 };
        const { seconds } = context.sizes;
        const perSecond = await barePubSub(redis.url, seconds, (edge) => {
          time[edge] = redisTime(directory);
        });
        context.add({
          workload: "W12",
          case: `${context.sizes.pairs}x${WINDOW}`,
          peer: BARE_BUS,
          durability: "memory",
          round,
          metrics: {
            per_second: perSecond,
            redis_cpu_us: (time.end - time.begin) / Math.max(1, perSecond * seconds),
          },
          histograms: {},
          bottleneck: "",
        });
      }),
  };
}

/** What a second process gives and a message from one to the other costs. */
export async function w12Processes(context: Context, peer: Peer): Promise<void> {
  if (!hasRedis()) {
    context.say("W12: no redis-server on this machine");
    return;
  }
  const entrants = [served(context, peer.name, 2), served(context, onOne(peer.name), 1), bare(context)];
  for (let round = 0; round < context.sizes.rounds; round++) {
    for (const entrant of inOrder(entrants, round)) {
      context.say(`W12 round ${round + 1}: ${entrant.name}`);
      await entrant.run(round);
    }
  }
}

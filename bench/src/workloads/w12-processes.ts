import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { PairsJob } from "../generator/jobs.ts";
import { type Usage, usageOf } from "../measure/process-usage.ts";
import { barePubSub } from "../peers/bare-pubsub.ts";
import { parlance } from "../peers/parlance.ts";
import type { Peer, Running } from "../peers/peer.ts";
import { empty, failed, measure } from "./measured.ts";
import type { Context } from "./sample.ts";
import { databaseUrl, hasRedis, withServers } from "./servers.ts";
import { alternate, type Entrant } from "./turns.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const WINDOW = 10;
export const HALF_LOAD = "half load";
export const BARE_BUS = "bare SPUBLISH";
export const onOne = (ours: string): string => `${ours}, one process`;

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
  const redis = { begin: 0, end: 0 };
  const { pairs, checkEvery, warmSeconds, seconds } = context.sizes;
  const result = await measure(context, {
    workload: "W12",
    round,
    peer,
    job: {
      kind: "pairs",
      port: first.port,
      ...(second !== undefined && { otherPort: second.port }),
      driver: peer.driver,
      tag: `${context.seed}w12-${round}-${name.replaceAll(" ", "")}-`,
      ...{ pairs, checkEvery, warmSeconds, seconds, ...load },
    },
    ordered: true,
    caseOf: () => name,
    usage: () => usage(running, directory),
    hooks: {
      begin: () => {
        redis.begin = redisTime(directory);
      },
      end: () => {
        redis.end = redisTime(directory);
      },
    },
    further: (delivered) => ({ redis_cpu_us: (redis.end - redis.begin) / Math.max(1, delivered) }),
  });
  const [phase] = result?.phases ?? [];
  return phase === undefined ? 0 : phase.delivered / phase.seconds;
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
        const bus = { name: BARE_BUS, durability: "memory" } as const;
        context.add({
          ...empty("W12", `${context.sizes.pairs}x${WINDOW}`, bus, round),
          metrics: {
            per_second: perSecond,
            redis_cpu_us: (time.end - time.begin) / Math.max(1, perSecond * seconds),
          },
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
  await alternate(context, "W12", entrants);
}

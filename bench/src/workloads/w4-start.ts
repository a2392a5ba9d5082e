import { join } from "node:path";
import { runJob } from "../generator/generator.ts";
import { bareInsert } from "../peers/bare-insert.ts";
import type { Peer } from "../peers/peer.ts";
import { startPostgres } from "../peers/postgres.ts";
import { empty, failed, faultOf } from "./measured.ts";
import type { Context } from "./sample.ts";
import { alternate, type Entrant } from "./turns.ts";

const LOAD_PAIRS = 200;

type Timed = { case: string; seconds: number };

async function seconds<T>(work: () => Promise<T>): Promise<[T, number]> {
  const from = performance.now();
  const value = await work();
  return [value, (performance.now() - from) / 1000];
}

/** Cold, warm, then a full store that is killed: the server alone, and all its processes at once. */
async function startOurs(context: Context, round: number, peer: Peer, directory: string): Promise<Timed[]> {
  const timed: Timed[] = [];
  const [first, cold] = await seconds(() => peer.start(directory));
  timed.push({ case: "cold", seconds: cold });
  await first.stop();
  let [running, warm] = await seconds(() => peer.start(directory));
  timed.push({ case: "warm", seconds: warm });
  if (context.sizes.storedBeforeCrash > 0) {
    const stored = await runJob({
      kind: "pairs",
      port: running.port,
      driver: peer.driver,
      tag: `${context.seed}w4-${round}-`,
      checkEvery: context.sizes.checkEvery,
      pairs: LOAD_PAIRS,
      window: 20,
      warmSeconds: 0,
      seconds: 0,
      total: context.sizes.storedBeforeCrash,
    });
    const fault = faultOf(stored.truth, true);
    if (fault) context.add(failed("W4", "filling", peer, round, fault));
  }
  await running.crash();
  let took: number;
  [running, took] = await seconds(() => peer.start(directory));
  timed.push({ case: `kill -9 of all, ${context.sizes.storedBeforeCrash} stored`, seconds: took });
  process.kill(running.pid, "SIGKILL");
  [running, took] = await seconds(() => peer.start(directory));
  timed.push({ case: "kill -9 of the server alone", seconds: took });
  await running.stop();
  return timed;
}

/** The same binaries with nothing around them. */
async function startBare(context: Context, directory: string): Promise<Timed[]> {
  const timed: Timed[] = [];
  const place = join(directory, "bare");
  const [first, cold] = await seconds(() => startPostgres(place));
  timed.push({ case: "cold", seconds: cold });
  await first.stop();
  let [running, took] = await seconds(() => startPostgres(place));
  timed.push({ case: "warm", seconds: took });
  if (context.sizes.storedBeforeCrash > 0) {
    await bareInsert(running.config, { warmSeconds: 0, seconds: 0, rows: context.sizes.storedBeforeCrash });
  }
  await running.crash();
  [running, took] = await seconds(() => startPostgres(place));
  timed.push({ case: `kill -9 of all, ${context.sizes.storedBeforeCrash} stored`, seconds: took });
  await running.stop();
  return timed;
}

function timed(
  context: Context,
  { name, durability }: Pick<Peer, "name" | "durability">,
  start: (round: number, directory: string) => Promise<Timed[]>,
): Entrant {
  return {
    name,
    async run(round) {
      const directory = context.freshDirectory();
      for (const { case: each, seconds: took } of await start(round, directory)) {
        context.add({
          ...empty("W4", each, { name, durability }, round),
          metrics: { seconds: took },
        });
      }
      context.discard(directory);
    },
  };
}

function ourStart(context: Context, peer: Peer): Entrant {
  return timed(context, peer, (round, directory) => startOurs(context, round, peer, directory));
}

/** How long until it takes messages. */
export async function w4Start(context: Context, ours: Peer): Promise<void> {
  const bare = { name: "bare PostgreSQL", durability: "committed" } as const;
  await alternate(context, "W4", [
    ourStart(context, ours),
    timed(context, bare, (_, directory) => startBare(context, directory)),
  ]);
}

export async function w4Compared(context: Context, ours: readonly Peer[]): Promise<void> {
  const entrants = ours.map((peer) => ourStart(context, peer));
  await alternate(context, "W4", entrants);
}

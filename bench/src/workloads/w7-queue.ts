import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "pg";
import { runJob } from "../generator/generator.ts";
import type { PostsJob } from "../generator/jobs.ts";
import { usageOf } from "../measure/process-usage.ts";
import { bareAppend, bareDrain } from "../peers/bare-queue.ts";
import { startChild, stopChild, waitFor } from "../peers/child.ts";
import { parlance } from "../peers/parlance.ts";
import type { Peer, Running } from "../peers/peer.ts";
import type { Postgres } from "../peers/postgres.ts";
import { bottleneckOf, empty, failed, measure, sharesOf } from "./measured.ts";
import type { Context } from "./sample.ts";
import { databaseUrl, hasRedis, type Servers, withServers } from "./servers.ts";
import { alternate, type Entrant } from "./turns.ts";

export const CONNECTIONS = 50;
export const postsName = `posts, c=${CONNECTIONS}`;
export const drainName = (backlog: number): string => `drain of ${backlog}`;
export const BARE_DRAIN = "XREADGROUP + INSERT";
const PAIRS = 200;
const WATCH_EVERY = 10;
const HTTP_XADD = "node:http + XADD";
const BARE_XADD = "bare XADD";
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const DRAIN_LIMIT_MS = 600_000;

/** One round of posts at whoever takes them. */
async function measurePosts(
  context: Context,
  round: number,
  peer: Pick<Peer, "name" | "durability">,
  running: Pick<Running, "port" | "pid" | "directory">,
  watchEvery: number,
): Promise<void> {
  const { warmSeconds, seconds } = context.sizes;
  await measure(context, {
    workload: "W7",
    round,
    peer,
    job: { ...postsOf(context, round, running.port), watchEvery, warmSeconds, seconds },
    ordered: true,
    caseOf: () => postsName,
    usage: () => usageOf(running.pid, running.directory),
  });
}

function postsOf(
  { seed }: Context,
  round: number,
  port: number,
): Pick<PostsJob, "kind" | "port" | "tag" | "pairs" | "connections"> {
  return { kind: "posts", port, tag: `${seed}w7-${round}-`, pairs: PAIRS, connections: CONNECTIONS };
}

function onServers(
  name: string,
  { postgres, redis }: Servers,
  backlog: number,
  queue: "redis" | "postgres",
): Peer {
  return parlance(ROOT, name, {
    DATABASE_URL: databaseUrl(postgres),
    REDIS_URL: redis.url,
    QUEUE: queue,
    QUEUE_MAX_WAITING: String(4 * backlog + 100_000),
  });
}

/** Nothing is stored while the conversations are held; then everything, as fast as it goes. */
async function measureDrain(
  context: Context,
  round: number,
  peer: Peer,
  running: Running,
  postgres: Postgres,
): Promise<void> {
  const { backlog } = context.sizes;
  const client = new Client(postgres.config);
  await client.connect();
  const stored = async (): Promise<number> =>
    Number((await client.query("select coalesce(sum(last_n), 0) as n from conversations")).rows[0].n);
  const settled = async (): Promise<number> => {
    for (let last = -1; ; ) {
      const now = await stored();
      if (now === last) return now;
      last = now;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  };
  try {
    await settled();
    const before = await stored();
    const holder = new Client(postgres.config);
    await holder.connect();
    await holder.query("begin");
    await holder.query("select from conversations for update");
    const job = postsOf(context, round, running.port);
    const filled = await runJob({ ...job, watchEvery: 0, warmSeconds: 0, seconds: 0, total: backlog });
    const { acked, errors } = filled.truth;
    const cpu = usageOf(running.pid, running.directory);
    const from = performance.now();
    await holder.query("rollback");
    let count = 0;
    while (count < acked && performance.now() - from < DRAIN_LIMIT_MS) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      count = (await stored()) - before;
    }
    const seconds = (performance.now() - from) / 1000;
    const shares = sharesOf(cpu, usageOf(running.pid, running.directory), 0);
    await holder.end();
    const wrong = await client.query(
      `select count(*) as n from (
         select content, lag(content) over (partition by conversation_id, sender_id order by seq) as earlier from messages
       ) m where earlier >= content and content not like '%00000000%'`,
    );
    const faults = [
      ...errors,
      ...(count === acked ? [] : [`${acked} accepted, ${count} stored`]),
      ...(Number(wrong.rows[0].n) > 0 ? [`${wrong.rows[0].n} out of order`] : []),
    ];
    context.add({
      workload: "W7",
      case: drainName(backlog),
      peer: peer.name,
      durability: "committed",
      round,
      metrics: {
        per_second: acked / seconds,
        server_cpu_us: (shares.server * seconds * 1e6) / acked,
        database_cpu_us: (shares.database * seconds * 1e6) / acked,
        server_share: shares.server,
        database_share: shares.database,
      },
      histograms: {},
      bottleneck: bottleneckOf(shares, context.cores),
      ...(faults.length > 0 ? { failure: faults.join("; ") } : {}),
    });
  } finally {
    await client.end();
  }
}

function ours(context: Context, name: string, queue: "redis" | "postgres"): Entrant {
  return {
    name,
    run: (round) =>
      withServers(context, async (servers) => {
        const peer = onServers(name, servers, context.sizes.backlog, queue);
        const running = await peer.start(join(servers.directory, "server"));
        const whole = { ...running, directory: servers.directory };
        try {
          await measurePosts(context, round, peer, whole, WATCH_EVERY);
          if (queue === "redis") await measureDrain(context, round, peer, whole, servers.postgres);
        } catch (error) {
          context.add(failed("W7", postsName, peer, round, (error as Error).message));
        } finally {
          await running.stop();
        }
      }),
  };
}

function baselines(context: Context): Entrant[] {
  const add = (name: string, peer: string, round: number, perSecond: number) =>
    context.add({
      ...empty("W7", name, { name: peer, durability: "committed" }, round),
      metrics: { per_second: perSecond },
    });
  return [
    {
      name: BARE_XADD,
      run: (round) =>
        withServers(context, async ({ redis }) => {
          add(postsName, BARE_XADD, round, await bareAppend(redis.url, CONNECTIONS, context.sizes.seconds));
        }),
    },
    {
      name: BARE_DRAIN,
      run: (round) =>
        withServers(context, async ({ redis, postgres }) => {
          const { backlog } = context.sizes;
          const seconds = await bareDrain(redis.url, postgres.config, backlog);
          add(drainName(backlog), BARE_DRAIN, round, backlog / seconds);
        }),
    },
    {
      name: HTTP_XADD,
      run: (round) =>
        withServers(context, async ({ redis, directory }) => {
          const script = fileURLToPath(new URL("../peers/http-xadd-server.ts", import.meta.url));
          const child = startChild(process.execPath, [script, redis.url], {
            log: join(directory, "http.log"),
          });
          const port = await waitFor(child, HTTP_XADD, () => {
            const match = /listening on (\d+)/.exec(child.output());
            return match ? Number(match[1]) : undefined;
          });
          try {
            await measurePosts(
              context,
              round,
              { name: HTTP_XADD, durability: "committed" },
              { port, pid: child.pid, directory },
              0,
            );
          } finally {
            await stopChild(child, "SIGTERM");
          }
        }),
    },
  ];
}

/** What the queue takes, how soon it is stored, and how quickly a backlog goes. */
export async function w7Queue(context: Context, peer: Peer): Promise<void> {
  if (!hasRedis()) {
    context.say("W7: no redis-server on this machine");
    return;
  }
  const entrants = [
    ours(context, peer.name, "redis"),
    ours(context, `${peer.name}, queue in PostgreSQL`, "postgres"),
    ...baselines(context),
  ];
  await alternate(context, "W7", entrants);
}

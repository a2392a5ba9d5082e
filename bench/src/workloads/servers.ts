import { spawnSync } from "node:child_process";
import { type Postgres, startPostgres } from "../peers/postgres.ts";
import { type RedisServer, startRedis } from "../peers/redis.ts";
import type { Context } from "./sample.ts";

export type Servers = { postgres: Postgres; redis: RedisServer; directory: string };

export const hasRedis = (): boolean => spawnSync("redis-server", ["--version"]).error === undefined;

/** A PostgreSQL and a Redis of their own, gone when the work is done. */
export async function withServers(
  context: Context,
  work: (servers: Servers) => Promise<void>,
): Promise<void> {
  const directory = context.freshDirectory();
  const postgres = await startPostgres(directory);
  const redis = await startRedis(directory);
  try {
    await work({ postgres, redis, directory });
  } finally {
    await redis.stop();
    await postgres.stop();
    context.discard(directory);
  }
}

/** As `DATABASE_URL` has it. */
export function databaseUrl({ config: { host, port, user, database } }: Postgres): string {
  return `postgres://${user}@localhost/${database}?host=${encodeURIComponent(host as string)}&port=${port ?? 5432}`;
}

import type { Redis } from "./redis.ts";

/** What of an answered write survives, by Redis's own settings; reasons why it is not all. */
export interface RedisDurability {
  /** D2: the loss of power; D1: perhaps not the last second before it; D0: not even a restart; null: it does not say. */
  readonly level: "D2" | "D1" | "D0" | null;
  readonly reasons: readonly string[];
}

/**
 * @param keys one in each part of a cluster that is to be asked
 * @throws RedisUnavailable
 */
export async function readDurability(redis: Redis, keys: readonly string[]): Promise<RedisDurability> {
  const reasons = new Set<string>();
  const levels = new Set<RedisDurability["level"]>();
  for (const key of keys) {
    const settings = await readSettings(redis, key);
    if (settings === null) {
      levels.add(null);
      reasons.add("it does not let its settings be read (CONFIG GET)");
      continue;
    }
    if (settings.appendonly !== "yes") {
      levels.add("D0");
      reasons.add("appendonly is off: a restart of Redis loses what waits");
    } else if (settings.appendfsync !== "always") {
      levels.add("D1");
      reasons.add(`appendfsync is ${settings.appendfsync}: a loss of power loses the last second or more`);
    }
    const { "maxmemory-policy": policy = "noeviction", maxmemory = "0" } = settings;
    if (policy !== "noeviction" && maxmemory !== "0") {
      levels.add("D0");
      reasons.add(`maxmemory-policy is ${policy}: what waits may be thrown out`);
    }
  }
  const level = (["D0", null, "D1"] as const).find((one) => levels.has(one));
  return { level: level === undefined ? "D2" : level, reasons: [...reasons] };
}

async function readSettings(redis: Redis, key: string): Promise<Readonly<Record<string, string>> | null> {
  try {
    const answer = await redis.send(key, ["CONFIG", "GET", "append*", "maxmemory*"]);
    return answer as Record<string, string>;
  } catch (error) {
    if (error instanceof Error && error.name === "RedisUnavailable") throw error;
    return null;
  }
}

import { spellUuid } from "@parlance/protocol/ids.ts";
import { type DeadLetter, type DeadLetters, openDeadLetters } from "../adapters/queue/redis/dead-letters.ts";
import { namespaceOf } from "../adapters/redis/namespace.ts";
import { openRedis } from "../adapters/redis/redis.ts";
import { createSecrets } from "../adapters/store/postgres-attachments.ts";
import type { Config } from "../config.ts";
import { silentLog } from "../core/ports/log.ts";
import { StartupError } from "../core/ports/startup-error.ts";
import { askDatabase } from "./database.ts";

const CONNECT_MS = 5_000;
const USAGE = "expected: dead-letters list, or dead-letters replay <name>, or dead-letters replay --all";

/** Lists queued messages that could not be stored, or has them tried again. Resolves to what there is to say. */
export async function runDeadLetters(
  config: Pick<Config, "databaseUrl" | "dataDir" | "redisUrl">,
  [action, name]: readonly (string | undefined)[],
  all: boolean,
): Promise<string> {
  const isList = action === "list" && name === undefined && !all;
  if (!isList && !(action === "replay" && (name === undefined) === all)) throw new StartupError(USAGE);
  if (config.redisUrl === null) {
    throw new StartupError("without REDIS_URL nothing waits to be stored, and nothing can fail to be");
  }
  const redis = openRedis(config.redisUrl, "dead letters", silentLog);
  try {
    // What the names of keys come from.
    const secret = await askDatabase(config, (ask) => createSecrets(ask)("redis"));
    if (!(await redis.whenUp(CONNECT_MS))) throw new StartupError("REDIS_URL: no answer in five seconds");
    const letters = openDeadLetters(redis, `${namespaceOf(secret)}:`, secret);
    if (isList) return listed(await letters.list(Number.MAX_SAFE_INTEGER));
    const names =
      name === undefined ? (await letters.list(Number.MAX_SAFE_INTEGER)).map((one) => one.name) : [name];
    return await replayed(letters, names);
  } finally {
    redis.close();
  }
}

function listed(letters: readonly DeadLetter[]): string {
  const lines = letters.map(({ name, at, why, messageId, conversationId, senderId }) =>
    [
      name,
      new Date(at).toISOString(),
      why,
      messageId === null ? "-" : spellUuid("message", messageId),
      conversationId ?? "-",
      senderId ?? "-",
    ].join("\t"),
  );
  return [...lines, `${letters.length} could not be stored`].join("\n");
}

async function replayed(letters: DeadLetters, names: readonly string[]): Promise<string> {
  let count = 0;
  for (const name of names) if (await letters.replay(name)) count++;
  if (count === 0 && names.length === 1) throw new StartupError(`there is no dead letter ${names[0]}`);
  return `${count} put back into the queue`;
}

import type { Log } from "../../core/ports/log.ts";
import type { PresenceRegistry } from "../../core/ports/presence-registry.ts";
import type { DeadNode, Nodes } from "../redis/nodes.ts";
import { type Redis, script } from "../redis/redis.ts";

/**
 * What is known of a user's connections: a hash, by node and connection, of a number that says which was said last, and
 * the type of the device. All three: keys the user's; the arguments are named.
 */
/** Arguments: node and connection, type. Answers whether there was none before. */
const OPEN = script(`
local count, last = 0, 0
for i, value in ipairs(redis.call('HVALS', KEYS[1])) do
  count = i
  last = math.max(last, tonumber(string.match(value, '^%d+')))
end
redis.call('HSET', KEYS[1], ARGV[1], (last + 1) .. ' ' .. ARGV[2])
return count == 0 and 1 or 0`);

/** Arguments: node and connection. Answers whether it was there and none is left. */
const CLOSE = script(`
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
return redis.call('EXISTS', KEYS[1]) == 0 and 1 or 0`);

/** Arguments: the node and a space, then connection and type of each that is open there. Answers whether others closed and none is left. */
const REPLACE = script(`
local node = ARGV[1]
local closed = 0
local kept = {}
for i = 2, #ARGV, 2 do kept[node .. ARGV[i]] = true end
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(field, 1, #node) == node and not kept[field] then
    closed = closed + redis.call('HDEL', KEYS[1], field)
  end
end
for i = 2, #ARGV, 2 do redis.call('HSETNX', KEYS[1], node .. ARGV[i], '0 ' .. ARGV[i + 1]) end
return closed > 0 and redis.call('EXISTS', KEYS[1]) == 0 and 1 or 0`);

/** Users of a node that are looked at in one go; thousands may have been on one that died. */
const PAGE = 500;
/** Between two such, so that what it makes others do comes bit by bit. */
const PAUSE_MS = 250;
/** Whoever clears up has so long until another one does; every page renews it. */
const CLEARING_MS = 30_000;

export interface RedisPresenceOptions {
  readonly redis: Redis;
  readonly nodes: Nodes;
  readonly nodeId: string;
  /** Of all keys. */
  readonly prefix: string;
  readonly log: Log;
  /** At least 0 and below 1. */
  readonly random: () => number;
}

/**
 * The registry that all processes share. A connection counts as long as its node is alive, so that nothing has to be
 * renewed for each; what a node has left behind another clears up. While Redis does not answer each node goes by its own
 * connections, and what it has by then it says again when Redis is back, or has forgotten.
 */
export function openRedisPresence(options: RedisPresenceOptions): PresenceRegistry {
  const { redis, nodes, nodeId, prefix, log } = options;
  const own = new Map<string, Map<string, string | null>>();
  const listeners: ((userIds: readonly string[], seenAt: number) => void)[] = [];
  let leaving = false;
  let working: Promise<void> | null = null;
  /** Something was said that Redis has not heard. */
  let owes = false;

  const keyOf = (userId: string): string => `${prefix}presence:${userId}`;
  const usersOf = (node: string): string => `${prefix}node:${node}:users`;
  const ours = usersOf(nodeId);

  /** As Redis says, or, where it does not answer, as far as is known here. */
  const heard = async <T>(ask: () => Promise<T>, otherwise: () => T): Promise<T> => {
    try {
      return await ask();
    } catch {
      owes = true;
      return otherwise();
    }
  };

  const replace = (node: string, userId: string, sessions: ReadonlyMap<string, string | null>) =>
    redis.run(
      REPLACE,
      [keyOf(userId)],
      [`${node} `, ...[...sessions].flatMap(([session, type]) => [session, type ?? ""])],
    );

  /** Everything that is open here is in Redis, and nothing else under this node's name. */
  const sayAgain = async (): Promise<void> => {
    owes = false;
    const written = (await redis.send(ours, ["SMEMBERS", ours])) as Iterable<string>;
    const users = [...new Set([...written, ...own.keys()])];
    for (let i = 0; i < users.length; i += PAGE) {
      await Promise.all(
        users.slice(i, i + PAGE).map(async (userId) => {
          if (own.has(userId)) await redis.send(ours, ["SADD", ours, userId]);
          await replace(nodeId, userId, own.get(userId) ?? new Map());
          if (!own.has(userId)) await redis.send(ours, ["SREM", ours, userId]);
        }),
      );
    }
  };

  const clearUp = async ({ nodeId: dead, seenAt }: DeadNode): Promise<void> => {
    const users = usersOf(dead);
    const claim = `${prefix}node:${dead}:clearing`;
    const isOurs = await redis.send(claim, ["SET", claim, nodeId, "NX", "PX", String(CLEARING_MS)]);
    if (isOurs === null) return;
    for (;;) {
      const page = [...((await redis.send(users, ["SRANDMEMBER", users, String(PAGE)])) as Iterable<string>)];
      if (page.length === 0) break;
      const left = await Promise.all(page.map((userId) => replace(dead, userId, new Map())));
      await redis.send(users, ["SREM", users, ...page]);
      const gone = page.filter((_, i) => left[i] === 1);
      if (gone.length > 0) for (const listener of listeners) listener(gone, seenAt);
      await redis.send(claim, ["PEXPIRE", claim, String(CLEARING_MS)]);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * (0.5 + options.random())));
    }
    await nodes.forget(dead);
    await redis.send(claim, ["DEL", claim]);
    log.info({ node: dead }, "what a process that ended had left of presence is cleared up");
  };

  nodes.onBeat(({ dead, wasUnknown }) => {
    if (working !== null || leaving) return;
    working = (async () => {
      if (wasUnknown || owes) await sayAgain();
      for (const one of dead) await clearUp(one);
    })()
      .catch((error: unknown) => {
        owes = true;
        log.debug({ error }, "presence could not be set right in Redis");
      })
      .finally(() => {
        working = null;
      });
  });

  return {
    async opened(userId, sessionId, deviceType) {
      const sessions = own.get(userId) ?? new Map<string, string | null>();
      const isFirstHere = sessions.size === 0;
      own.set(userId, sessions);
      sessions.delete(sessionId);
      sessions.set(sessionId, deviceType);
      return await heard(
        async () => {
          // First, so that whoever clears up after this node knows of it.
          const [, isFirst] = await Promise.all([
            redis.send(ours, ["SADD", ours, userId]),
            redis.run(OPEN, [keyOf(userId)], [`${nodeId} ${sessionId}`, deviceType ?? ""]),
          ]);
          return isFirst === 1;
        },
        () => isFirstHere,
      );
    },
    async closed(userId, sessionId) {
      const sessions = own.get(userId);
      if (leaving || !sessions?.delete(sessionId)) return false;
      if (sessions.size === 0) own.delete(userId);
      return await heard(
        async () => {
          const isLast = await redis.run(CLOSE, [keyOf(userId)], [`${nodeId} ${sessionId}`]);
          if (!own.has(userId)) await redis.send(ours, ["SREM", ours, userId]);
          return isLast === 1;
        },
        () => sessions.size === 0,
      );
    },
    online: (userIds) =>
      heard(
        async () => {
          const values = await Promise.all(
            userIds.map((userId) => redis.send(keyOf(userId), ["HVALS", keyOf(userId)])),
          );
          return onlineBy(userIds, values as string[][]);
        },
        () =>
          onlineBy(
            userIds,
            userIds.map((userId) =>
              [...(own.get(userId)?.values() ?? [])].map((type, i) => `${i} ${type ?? ""}`),
            ),
          ),
      ),
    onGone: (listener) => void listeners.push(listener),
    async leave() {
      leaving = true;
      await working;
    },
  };
}

/** Of each user's connections, each a number and the type of its device, the type with the highest number. */
function onlineBy(
  userIds: readonly string[],
  values: readonly (readonly string[])[],
): ReadonlyMap<string, string | null> {
  const online = new Map<string, string | null>();
  for (const [i, userId] of userIds.entries()) {
    const own = values[i] ?? [];
    if (own.length === 0) continue;
    let last = -1;
    let type: string | null = null;
    for (const value of own) {
      const space = value.indexOf(" ");
      const number = Number(value.slice(0, space));
      if (space + 1 < value.length && number > last) {
        last = number;
        type = value.slice(space + 1);
      }
    }
    online.set(userId, type);
  }
  return online;
}

import { afterEach, beforeEach, expect, test } from "vitest";
import { openRedis, type Redis, RedisUnavailable, script } from "../../src/adapters/redis/redis.ts";
import { parseRedisUrl, type RedisAddress } from "../../src/config/redis-url.ts";
import { silentLog } from "../../src/core/ports/log.ts";
import { recordingLog } from "../support/log.ts";
import {
  describeWithRedis,
  startRedis,
  startRedisCluster,
  startRedisSentinel,
  type TestRedis,
} from "../support/redis.ts";

const put = script("redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])");
let redis: Redis;
afterEach(() => redis.close());

async function connect(address: RedisAddress, log = silentLog): Promise<Redis> {
  redis = openRedis(address, "a test", log);
  expect(await redis.whenUp(10_000)).toBe(true);
  return redis;
}

/** Tries until it is answered, as whoever sends does. */
const answered = (key: string) =>
  expect.poll(() => redis.send(key, ["GET", key]).catch(() => "down"), { timeout: 20_000 });

describeWithRedis("commands to one server", () => {
  let server: TestRedis;
  beforeEach(async () => {
    server = await startRedis({ appendFsync: "always", lines: ["requirepass hush"] });
  });
  afterEach(() => server.close());

  test("are answered with text, or with bytes where that is asked for", async () => {
    await connect(server.address);
    await redis.send("a", ["SET", "a", Buffer.from([0xff, 0x00])]);
    expect(await redis.send("a", ["GET", "a"], { buffers: true })).toEqual(Buffer.from([0xff, 0x00]));
    expect(await redis.send("b", ["GET", "b"])).toBeNull();
    expect(await redis.run(put, ["c"], ["1"])).toBe("1");
    server.cli(["SCRIPT", "FLUSH"]);
    expect(await redis.run(put, ["c"], ["2"])).toBe("2");
    await expect(redis.send("a", ["INCR", "a"])).rejects.toThrow("not an integer");
  });

  test("are refused at once while it is gone, and taken again when it is back", async () => {
    const { log, entries } = recordingLog();
    await connect(server.address, log);
    const changes: boolean[] = [];
    redis.onChange((up) => changes.push(up));
    await redis.send("a", ["SET", "a", "1"]);
    await server.kill();
    await expect.poll(() => redis.isUp()).toBe(false);
    await expect(redis.send("a", ["GET", "a"])).rejects.toBeInstanceOf(RedisUnavailable);
    await server.start();
    expect(await redis.whenUp(10_000)).toBe(true);
    expect(await redis.send("a", ["GET", "a"])).toBe("1");
    expect(changes).toEqual([false, true]);
    expect(entries.map(({ message }) => message)).toContain("Redis does not answer");
    expect(JSON.stringify(entries)).not.toMatch(/hush|127\.0\.0\.1/);
  });

  test("that are not answered in time are given up, and the connection with them", async () => {
    await connect(server.address);
    await server.kill("SIGSTOP");
    await expect(redis.send("a", ["SET", "a", "1"], { timeoutMs: 200 })).rejects.toBeInstanceOf(
      RedisUnavailable,
    );
    expect(redis.isUp()).toBe(false);
    await server.kill("SIGCONT");
    expect(await redis.whenUp(10_000)).toBe(true);
    expect(await redis.send("b", ["GET", "b"])).toBeNull();
  });

  test("a wrong password is said in the log, and nothing is taken", async () => {
    const { log, entries } = recordingLog();
    const wrong = parseRedisUrl(`redis://:guess@127.0.0.1:${server.port}`) as RedisAddress;
    redis = openRedis(wrong, "a test", log);
    await expect
      .poll(() => entries.map(({ fields }) => fields))
      .toEqual([{ purpose: "a test", reason: "WRONGPASS" }]);
    expect(redis.isUp()).toBe(false);
    expect(JSON.stringify(entries)).not.toContain("guess");
  });
});

describeWithRedis("commands to a cluster", () => {
  test("go where their key lives, and the rest goes on when one master is gone", async () => {
    const cluster = await startRedisCluster();
    try {
      await connect(cluster.address);
      const keys = Array.from({ length: 50 }, (_, i) => `key-${i}`);
      await Promise.all(keys.map((key) => redis.run(put, [key], [key])));
      expect(await Promise.all(keys.map((key) => redis.send(key, ["GET", key])))).toEqual(keys);
      const [first] = cluster.nodes as [TestRedis];
      await first.kill();
      await expect.poll(() => redis.isUp()).toBe(false);
      await first.start();
      expect(await redis.whenUp(20_000)).toBe(true);
      for (const key of keys) await answered(key).toBe(key);
    } finally {
      await cluster.close();
    }
  });
});

describeWithRedis("commands to a master named by sentinels", () => {
  test("go to the new master after a failover", async () => {
    const scene = await startRedisSentinel();
    try {
      await connect(scene.address);
      await redis.run(put, ["a"], ["1"]);
      await expect.poll(() => scene.replica.cli(["GET", "a"])).toBe("1\n");
      await scene.master.kill();
      await answered("a").toBe("1");
      expect(await redis.run(put, ["a"], ["2"])).toBe("2");
      expect(scene.replica.cli(["GET", "a"])).toBe("2\n");
    } finally {
      await scene.close();
    }
  });
});

import { afterAll, beforeAll, expect, test } from "vitest";
import { describeWithRedis, startRedis, type TestRedis } from "../support/redis.ts";
import { openSpeaker, REFUSED, type Speaker } from "../support/say-everywhere.ts";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";

/** The rows of docs/operations.md, "When something is away", that begin with Redis. */
describeWithRedis("without Redis as it should be", () => {
  let scene: Scene;
  let redis: TestRedis;
  let server: ServerProcess;
  let speaker: Speaker;
  beforeAll(async () => {
    [scene, redis] = await Promise.all([openScene("degraded"), startRedis({ appendFsync: "always" })]);
    server = await scene.start({ REDIS_URL: redis.url });
    speaker = await openSpeaker(server);
    await speaker.untilHeard();
  });
  afterAll(async () => {
    await speaker.close();
    await scene.close();
    await redis.close();
  });

  const ready = async () => {
    const { status, body } = await server.request("/ready");
    return [status, body.redis];
  };

  for (const [what, says, damage, repair] of [
    ["gone", "does not answer", () => redis.kill(), () => redis.start()],
    ["standing still", "does not answer", () => redis.kill("SIGSTOP"), () => redis.kill("SIGCONT")],
    [
      "a replica that takes no writes",
      "refuses to be written",
      async () => redis.cli(["REPLICAOF", "127.0.0.1", "1"]),
      async () => redis.cli(["REPLICAOF", "NO", "ONE"]),
    ],
    [
      "full",
      "refuses to be written",
      async () => redis.cli(["CONFIG", "SET", "maxmemory", "1"]),
      async () => redis.cli(["CONFIG", "SET", "maxmemory", "0"]),
    ],
    [
      "behind another password",
      "does not answer",
      async () => {
        redis.cli(["CONFIG", "SET", "requirepass", "another"]);
        redis.cli(["-a", "another", "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no"]);
      },
      async () => redis.cli(["-a", "another", "CONFIG", "SET", "requirepass", ""]),
    ],
  ] as const) {
    test(`${what}: posts onto the queue are refused, all else goes on, and it heals by itself`, async () => {
      await damage();
      const { queue, ...others } = await speaker.say(`while Redis is ${what}`);
      expect(queue).toEqual({ ok: false, refusal: REFUSED.queue });
      expect(Object.values(others).map(({ ok }) => ok)).toEqual([true, true, true, true]);
      await expect.poll(ready, { timeout: 10_000 }).toEqual([200, says]);
      await repair();
      await expect.poll(ready, { timeout: 15_000 }).toEqual([200, "ok"]);
      await speaker.untilHeard();
    });
  }

  test("flushed: what is posted next is stored as ever", async () => {
    redis.cli(["FLUSHALL"]);
    await speaker.untilHeard();
    await expect.poll(ready).toEqual([200, "ok"]);
    await expect
      .poll(async () => (await server.request("/metrics")).body, { timeout: 15_000, interval: 250 })
      .toMatch(/^parlance_queue_waiting\S* 0$/m);
  });

  test("nothing in all this was an error of the server's", () => {
    const errors = server
      .output()
      .split("\n")
      .filter((line) => line.includes('"level":"error"') || line.includes('"level":50'));
    expect(errors).toEqual([]);
  });
});

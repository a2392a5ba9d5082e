import { afterEach, beforeEach, expect, test } from "vitest";
import { checkHistory, readHistory, type Send } from "../support/history.ts";
import { seeded } from "../support/node.ts";
import { describeWithRedis, startRedis, type TestRedis } from "../support/redis.ts";
import { roam, sendAll } from "../support/roaming.ts";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { connect, openConversation } from "../support/socket.ts";

/** More for a long look: `CHAOS_MESSAGES=100000 npx vitest run …/chaos.test.ts`. */
const MESSAGES = Number(process.env.CHAOS_MESSAGES ?? 3_000);
const SENDERS = 4;
const LISTENERS = 3;
const UNDER_WAY = 4;
const PATIENCE_MS = 240_000 + MESSAGES * 20;

let redis: TestRedis;
let scene: Scene;
let servers: ServerProcess[];

beforeEach(async () => {
  redis = await startRedis();
  scene = await openScene("chaos");
  servers = await Promise.all([start(), start()]);
}, 60_000);
afterEach(async () => {
  await scene.close();
  await redis.close();
});

const start = (): Promise<ServerProcess> => scene.start({ REDIS_URL: redis.url, DRAIN_SECONDS: "3" });
const pauseOf = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Senders and listeners of three groups on both servers while `harm` goes on; judged by what is there in the end. */
async function survive(harm: (sending: () => boolean, random: (n: number) => number) => Promise<number>) {
  const random = seeded(5);
  const users = Array.from({ length: SENDERS }, (_, i) => `sender-${i}`);
  const ears = Array.from({ length: LISTENERS }, (_, i) => `listener-${i}`);
  const opener = await connect(servers[0] as ServerProcess, { user: "sender-0" });
  const groups: string[] = [];
  for (const name of ["a", "b", "c"])
    groups.push(await openConversation(opener, [...users, ...ears], `Group ${name}`));
  await opener.close();

  const somewhere = () => servers[random(servers.length)] as ServerProcess;
  const listeners = await Promise.all(ears.map((ear) => roam(somewhere, ear)));
  const sends: Send[] = Array.from({ length: MESSAGES }, (_, i) => ({
    conversation: groups[i % groups.length] as string,
    key: `m${i}`,
    outcome: "unknown",
  }));
  let sending = true;
  const harming = harm(() => sending, random);
  await Promise.all(
    users.map((user, u) =>
      sendAll(
        somewhere,
        user,
        sends.filter((_, i) => i % SENDERS === u),
        UNDER_WAY,
      ),
    ),
  );
  sending = false;
  const blows = await harming;

  const histories = await Promise.all(groups.map((group) => readHistory(servers[0] as ServerProcess, group)));
  const ends = new Map(groups.map((group, i) => [group, histories[i]?.at(-1)?.seq ?? 0]));
  await Promise.all(listeners.map((listener) => listener.until(ends)));
  await Promise.all(listeners.map((listener) => listener.stop()));
  const complete = listeners.map(({ seen }) => seen);
  const history = histories.flat();
  expect(sends.every(({ outcome }) => outcome === "acked")).toBe(true);
  expect(history).toHaveLength(MESSAGES);
  expect(checkHistory({ sends, history, complete, firstSeq: 2 }).slice(0, 10)).toEqual([]);
  return blows;
}

describeWithRedis("two servers, a PostgreSQL and a Redis", () => {
  test(
    "lose, double, reorder and leave out nothing while servers and Redis are killed at random",
    async () => {
      const blows = await survive(async (sending, random) => {
        let count = 0;
        for (; sending() || count < 4; count++) {
          await pauseOf(200 + random(800));
          if (count % 3 === 2) {
            await redis.kill();
            await pauseOf(random(1_000));
            await redis.start();
            continue;
          }
          const victim = random(servers.length);
          await servers[victim]?.stop("SIGKILL");
          servers[victim] = await start();
        }
        return count;
      });
      expect(blows).toBeGreaterThanOrEqual(4);
    },
    PATIENCE_MS,
  );

  test(
    "are exchanged one after the other under load, and nobody misses anything or hears it twice",
    async () => {
      await survive(async () => {
        for (const [i, old] of servers.entries()) {
          await pauseOf(300);
          const { code } = await old.stop("SIGTERM");
          expect(code).toBe(0);
          servers[i] = await start();
        }
        return servers.length;
      });
    },
    PATIENCE_MS,
  );
});

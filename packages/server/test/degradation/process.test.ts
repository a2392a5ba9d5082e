import { afterAll, beforeAll, expect, test } from "vitest";
import { describeWithRedis, startRedis, type TestRedis } from "../support/redis.ts";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { connect, openConversation, say } from "../support/socket.ts";

/** The rows of docs/operations.md, "When something is away", that begin with a process. */
describeWithRedis("one of two processes", () => {
  let scene: Scene;
  let redis: TestRedis;
  let staying: ServerProcess;
  beforeAll(async () => {
    [scene, redis] = await Promise.all([openScene("deaths"), startRedis()]);
    staying = await start();
  });
  afterAll(async () => {
    await scene.close();
    await redis.close();
  });
  const start = () => scene.start({ REDIS_URL: redis.url });

  for (const [how, signal] of [
    ["killed", "SIGKILL"],
    ["stopped in good order", "SIGTERM"],
  ] as const) {
    test(`${how}: who was on it and does not come back is told gone, once; who comes back was never away`, async () => {
      const leaving = await start();
      const [gone, returning, watcher] = ["gone", "returning", "watcher"].map((name) => `${how}-${name}`);
      const watch = await connect(staying, { user: watcher as string });
      const conversation = await openConversation(watch, [gone, returning] as string[], "Watched");
      await connect(leaving, { user: gone as string });
      const back = await connect(leaving, { user: returning as string });
      await say(back, conversation, "hello from the other side");
      await leaving.stop(signal);
      const again = await connect(staying, { user: returning as string });
      const told = await watch.until(
        (frame) => frame.event === "presence.changed" && frame.payload.status === "offline",
        "somebody's going",
      );
      expect(told.payload.user_id).toBe(gone);
      expect(Date.now() - told.payload.last_seen_at).toBeLessThan(30_000);
      // What was told late would be told by now, in the order of the bus.
      await say(again, conversation, "still here");
      await watch.until((frame) => frame.payload.content === "still here", "a message");
      const offline = watch.all("presence.changed").filter(({ status }) => status === "offline");
      expect(offline.map(({ user_id }) => user_id)).toEqual([gone]);
      await Promise.all([watch, again].map((client) => client.close()));
    }, 40_000);
  }
});

import { describeWithRedis, startRedis } from "../support/redis.ts";
import { openScene } from "../support/server.ts";
import { matrix } from "./matrix.ts";

describeWithRedis("over Redis", () => {
  matrix("three processes", async () => {
    const redis = await startRedis();
    const scene = await openScene("matrix_three");
    const env = { REDIS_URL: redis.url };
    return {
      servers: await Promise.all([scene.start(env), scene.start(env), scene.start(env)]),
      async close() {
        await scene.close();
        await redis.close();
      },
    };
  });
});

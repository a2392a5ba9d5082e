import { createStoreQueue } from "../../src/adapters/queue/store-queue.ts";
import { startNode } from "../support/node.ts";
import { createMigratedDatabase } from "../support/postgres.ts";
import { joinQueue } from "../support/queue.ts";
import { describeWithRedis, startRedis, startRedisCluster } from "../support/redis.ts";
import { queueContract } from "./queue.ts";

queueContract("the queue that stores at once, on two nodes", async () => {
  const database = await createMigratedDatabase("queue_contract");
  const [node, other] = [await startNode(database.connection), await startNode(database.connection)];
  return {
    queues: [createStoreQueue(node.writer), createStoreQueue(other.writer)],
    node,
    async close() {
      await node.close();
      await other.close();
      await database.drop();
    },
  };
});

for (const [name, start] of [
  ["one server", () => startRedis({ appendFsync: "always" })],
  ["a cluster", () => startRedisCluster()],
] as const) {
  describeWithRedis(`over Redis, ${name}`, () => {
    queueContract("the queue of two processes", async () => {
      const database = await createMigratedDatabase("queue_contract");
      const redis = await start();
      const node = await startNode(database.connection);
      const [one, other] = [await joinQueue(redis.address, node), await joinQueue(redis.address, node)];
      return {
        queues: [one.queue, other.queue],
        node,
        async close() {
          await one.close();
          await other.close();
          await node.close();
          await redis.close();
          await database.drop();
        },
      };
    });
  });
}

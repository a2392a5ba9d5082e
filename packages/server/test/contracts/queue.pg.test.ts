import { createStoreQueue } from "../../src/adapters/queue/store-queue.ts";
import { startNode } from "../support/node.ts";
import { createMigratedDatabase } from "../support/postgres.ts";
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

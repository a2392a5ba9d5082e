import { connectStore } from "../../src/adapters/store/postgres-store.ts";
import { silentLog } from "../support/log.ts";
import { createMigratedDatabase, postgresServers } from "../support/postgres.ts";
import { attachmentStoreContract } from "./attachment-store.ts";

for (const { major, start } of postgresServers()) {
  attachmentStoreContract(`PostgreSQL ${major}`, async () => {
    const server = await start();
    const database = await createMigratedDatabase("attachment_contract", server.connection);
    const store = await connectStore({
      connection: database.connection,
      lanes: 1,
      readConnections: 2,
      patienceMs: 5_000,
      log: silentLog,
    });
    return {
      ...store,
      async close() {
        await store.close();
        await database.drop();
        await server.stop();
      },
    };
  });
}

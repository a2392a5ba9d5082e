import { connectStore, type PostgresStore } from "../../src/adapters/store/postgres-store.ts";
import { silentLog } from "../../src/core/ports/log.ts";
import { createMigratedDatabase, postgresServers } from "../support/postgres.ts";

/** Runs a contract over a store on each PostgreSQL at hand, each with a server and a database of its own. */
export function onEveryPostgres(
  name: string,
  contract: (label: string, open: () => Promise<PostgresStore>) => void,
): void {
  for (const { major, start } of postgresServers()) {
    contract(`PostgreSQL ${major}`, async () => {
      const server = await start();
      const database = await createMigratedDatabase(name, server.connection);
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
}

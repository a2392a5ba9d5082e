import pg from "pg";
import { runningCluster } from "../adapters/store/embedded/running.ts";
import type { Query } from "../adapters/store/line.ts";
import type { Config } from "../config.ts";
import { StartupError } from "../core/ports/startup-error.ts";

/**
 * Asks the database of a server: that of DATABASE_URL, or the one that runs on DATA_DIR. Rejects with a `StartupError`
 * where there is none or it does not answer.
 */
export async function askDatabase<T>(
  { databaseUrl, dataDir }: Pick<Config, "databaseUrl" | "dataDir">,
  work: (ask: Query) => Promise<T>,
): Promise<T> {
  const connection = databaseUrl === null ? runningCluster(dataDir) : { connectionString: databaseUrl };
  if (connection === null) {
    throw new StartupError(`no server runs on DATA_DIR ${JSON.stringify(dataDir)}: start it first`);
  }
  const client = new pg.Client(connection);
  client.on("error", () => {});
  try {
    await client.connect();
    return await work(async (text, values) => (await client.query(text, values as unknown[])).rows);
  } catch (error) {
    if (error instanceof StartupError) throw error;
    throw new StartupError(`the database cannot be asked: ${(error as Error).message}`);
  } finally {
    await client.end().catch(() => {});
  }
}

import { isUserId } from "@parlance/protocol/user-id.ts";
import pg from "pg";
import { runningCluster } from "../adapters/store/embedded/running.ts";
import { createPeopleStore } from "../adapters/store/postgres-people-store.ts";
import type { Config } from "../config.ts";
import { StartupError } from "../core/ports/startup-error.ts";

/**
 * Shuts a user out, or lets them in again, in the database of a server that may be running: it finds out with its next
 * sweep. Resolves to what has become of it, in words.
 */
export async function setDeactivated(
  { databaseUrl, dataDir }: Pick<Config, "databaseUrl" | "dataDir">,
  user: string | undefined,
  deactivated: boolean,
): Promise<string> {
  if (!isUserId(user)) {
    throw new StartupError("expected a user id of 1 to 128 characters without control characters");
  }
  const connection = databaseUrl === null ? runningCluster(dataDir) : { connectionString: databaseUrl };
  if (connection === null) {
    throw new StartupError(`no server runs on DATA_DIR ${JSON.stringify(dataDir)}: start it first`);
  }
  const client = new pg.Client(connection);
  client.on("error", () => {});
  try {
    await client.connect();
    const people = createPeopleStore(async (text, values) => {
      return (await client.query(text, values as unknown[])).rows;
    });
    const changed = await people.setDeactivated(user, deactivated);
    if (changed === null) throw new StartupError(`no user ${JSON.stringify(user)} is known`);
    const state = deactivated ? "deactivated" : "active";
    return changed ? `${user} is ${state} now` : `${user} was ${state} already`;
  } catch (error) {
    if (error instanceof StartupError) throw error;
    throw new StartupError(`the database cannot be asked: ${(error as Error).message}`);
  } finally {
    await client.end().catch(() => {});
  }
}

import { isUserId } from "@parlance/protocol/user-id.ts";
import { createPeopleStore } from "../adapters/store/postgres-people-store.ts";
import type { Config } from "../config.ts";
import { StartupError } from "../core/ports/startup-error.ts";
import { askDatabase } from "./database.ts";

/**
 * Shuts a user out, or lets them in again, in the database of a server that may be running: it finds out with its next
 * sweep. Resolves to what has become of it, in words.
 */
export async function setDeactivated(
  config: Pick<Config, "databaseUrl" | "dataDir">,
  user: string | undefined,
  deactivated: boolean,
): Promise<string> {
  if (!isUserId(user)) {
    throw new StartupError("expected a user id of 1 to 128 characters without control characters");
  }
  const changed = await askDatabase(config, (ask) =>
    createPeopleStore(ask).setDeactivated(user, deactivated),
  );
  if (changed === null) throw new StartupError(`no user ${JSON.stringify(user)} is known`);
  const state = deactivated ? "deactivated" : "active";
  return changed ? `${user} is ${state} now` : `${user} was ${state} already`;
}

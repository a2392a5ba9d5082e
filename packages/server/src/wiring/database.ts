import pg from "pg";
import { checkServer, migrate } from "../adapters/store/migrate.ts";
import type { PostgresStore } from "../adapters/store/postgres-store.ts";
import type { Log } from "../core/ports/log.ts";
import { StartupError } from "../core/ports/startup-error.ts";

const MIGRATIONS = new URL("../adapters/store/migrations/", import.meta.url);
/** A commit that takes longer is none that messages could wait for; `/ready` itself waits for two seconds. */
const PROBE_MS = 1_500;

/** What an acknowledged message survives: `D1` a crash of the server, `D2` a loss of power too. */
export type DurabilityLevel = "D1" | "D2";

/** Brings the schema up to date. @param which what the connection is to, in words. @throws StartupError */
export async function prepareDatabase(
  connection: pg.ClientConfig,
  which: string,
  log: Log,
): Promise<DurabilityLevel> {
  const client = new pg.Client(connection);
  try {
    await client.connect();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
    throw new StartupError(`${which} cannot be reached${code}`);
  }
  try {
    const { level, reasons } = await checkServer(client, log);
    if (level === "D1") log.warn({ reasons }, "acknowledged messages may not survive a power failure");
    await migrate(client, MIGRATIONS, log);
    return level;
  } finally {
    await client.end();
  }
}

/** Whether something can be stored now. */
export async function canStore(store: Pick<PostgresStore, "probe">): Promise<boolean> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(reject, PROBE_MS);
  try {
    await Promise.race([store.probe(), late]);
    return true;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}

import { Client } from "pg";
import { quietSessions } from "./settings.ts";

interface Target {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly ssl: false;
}

/**
 * Makes the database and the setting of the role where they are missing, so that a start that was cut off between
 * `initdb` and here is completed by the next one. Resolves to the server's version.
 */
export async function ensureDatabase(target: Target): Promise<string> {
  const client = new Client({ ...target, database: "postgres" });
  // A server that dies now fails the query below; the event must have a listener all the same.
  client.on("error", () => {});
  await client.connect();
  try {
    const { rows } = await client.query<{ version: string; exists: boolean; quiet: boolean }>(
      `select current_setting('server_version') as version,
              exists (select from pg_database where datname = $1) as exists,
              exists (select from pg_db_role_setting
                      where setdatabase = 0 and setrole = current_user::regrole and $2 = any (setconfig)) as quiet`,
      [target.database, `${quietSessions.name}=${quietSessions.value}`],
    );
    const { version, exists, quiet } = rows[0]!;
    if (!quiet) {
      await client.query(
        `alter role ${client.escapeIdentifier(target.user)} set ${quietSessions.name} = ${quietSessions.value}`,
      );
    }
    if (!exists) await client.query(`create database ${client.escapeIdentifier(target.database)}`);
    // Debian's servers add their packaging: "15.18 (Debian …)".
    return version.split(" ")[0]!;
  } finally {
    await client.end();
  }
}

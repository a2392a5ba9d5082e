import { Client } from "pg";
import { startEmbeddedPostgres } from "../../src/adapters/store/embedded/embedded-postgres.ts";
import { silentLog } from "../../src/core/ports/log.ts";

/**
 * A server process in little, for tests that kill it: `parent.ts hold|once <dataDir>`. Writes one JSON object a line.
 * `once` starts and stops; `hold` stores a row, stays, and on SIGINT asks for the number of rows instead of ending.
 */
const [mode, dataDir] = process.argv.slice(2) as ["hold" | "once", string];
const say = (fact: object) => process.stdout.write(`${JSON.stringify(fact)}\n`);

try {
  const postgres = await startEmbeddedPostgres({ dataDir, log: silentLog });
  if (mode === "once") {
    await postgres.stop();
    say({ stopped: true });
  } else {
    const client = new Client(postgres.connection);
    await client.connect();
    process.on("SIGINT", async () =>
      say((await client.query("select count(*)::int as rows from kept")).rows[0]),
    );
    await client.query("create table if not exists kept (at timestamptz default now())");
    await client.query("insert into kept default values");
    say({ host: postgres.connection.host });
  }
} catch (error) {
  say({ error: (error as Error).message, name: (error as Error).constructor.name });
  process.exitCode = 1;
}

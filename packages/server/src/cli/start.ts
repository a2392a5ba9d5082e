import type { Config } from "../config.ts";
import { createLog } from "../http/log.ts";
import { startServer } from "../server.ts";
import { banner } from "./banner.ts";
import { runUntilAsked } from "./lifecycle.ts";
import { VERSION } from "./version.ts";

/** Runs the server until it is asked to stop; resolves to the exit code. */
export async function start(config: Config): Promise<number> {
  const log = createLog(config, process.stdout, process.stdout.isTTY === true);
  return runUntilAsked(
    () => startServer(config, log),
    ({ url, mode, store, durability }) => {
      process.stdout.write(banner({ version: VERSION, url, mode, store, durability }));
    },
    log,
    config.drainSeconds,
  );
}

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../config.ts";
import type { Log } from "../core/ports/log.ts";
import { StartupError } from "../core/ports/startup-error.ts";
import { createLog } from "../http/log.ts";
import { startServer } from "../server.ts";
import { VERSION } from "../version.ts";
import { startWorkers } from "../workers/primary.ts";
import { isWorker, takeSeat } from "../workers/seat.ts";
import { banner } from "./banner.ts";
import { runUntilAsked } from "./lifecycle.ts";

/** Runs the server until it is asked to stop; resolves to the exit code. */
export async function start(config: Config): Promise<number> {
  const { webAppDir } = config;
  if (webAppDir !== null && !existsSync(join(webAppDir, "index.html"))) {
    throw new StartupError(`WEB_APP_DIR: ${webAppDir} holds no index.html`);
  }
  const log = createLog(config, process.stdout, process.stdout.isTTY === true);
  if (isWorker()) return await startWorker(config, log);
  return runUntilAsked(
    () => (config.workers === 1 ? startServer(config, log) : startWorkers(config, log)),
    ({ url, mode, store, durability }) => {
      process.stdout.write(banner({ version: VERSION, url, mode, store, durability }));
    },
    log,
    config.drainSeconds,
  );
}

/** One of several processes, begun by the one that the user has started. */
async function startWorker(config: Config, log: Log): Promise<number> {
  const seat = await takeSeat();
  return runUntilAsked(
    () => startServer(config, log, seat),
    (running) => seat.listening(running),
    log,
    config.drainSeconds,
  );
}

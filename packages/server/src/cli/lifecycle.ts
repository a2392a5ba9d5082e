import type { Log } from "../core/ports/log.ts";

export interface Stoppable {
  /** Stops taking work, ends what was taken, then stops all parts in reverse order. */
  drain(): Promise<void>;
}

/** Over the drain's own limit: stopping the store comes after it. */
const GRACE_SECONDS = 10;

/**
 * Starts something and keeps it until the process is asked to stop; resolves to the exit code. SIGTERM,
 * SIGHUP and the first SIGINT drain and give 0, however often they come; a second SIGINT ends the process
 * at once with 1. An error that nobody caught is logged, drains, and gives 1: what it left undone is unknown.
 */
export async function runUntilAsked<T extends Stoppable>(
  start: () => Promise<T>,
  onStarted: (running: T) => void,
  log: Log,
  drainSeconds: number,
): Promise<number> {
  const asked = Promise.withResolvers<void>();
  let exitCode = 0;
  let interrupts = 0;
  let asking = false;

  const ask = (): void => {
    if (asking) return;
    asking = true;
    // Also where starting hangs, which a drain would have to await.
    setTimeout(
      () => {
        log.error({}, "Stopping took too long; what is left is cut");
        process.exit(1);
      },
      (drainSeconds + GRACE_SECONDS) * 1000,
    ).unref();
    asked.resolve();
  };
  const onFault = (error: unknown): void => {
    log.error({ error }, "An error nobody caught; the server stops");
    exitCode = 1;
    ask();
  };
  process.on("SIGTERM", ask);
  process.on("SIGHUP", ask);
  process.on("SIGINT", () => {
    interrupts++;
    // Exit handlers still run, so that no child process is left behind.
    if (interrupts > 1) process.exit(1);
    ask();
  });
  process.on("uncaughtException", onFault);
  process.on("unhandledRejection", onFault);

  const running = await start();
  if (!asking) onStarted(running);
  await asked.promise;
  log.info({}, "Draining");
  await running.drain();
  return exitCode;
}

import { createInProcessBuckets } from "../adapters/limits/in-process-buckets.ts";
import { createPoster } from "../adapters/outgoing/post.ts";
import type { Reach } from "../adapters/outgoing/reach.ts";
import type { PostgresStore } from "../adapters/store/postgres-store.ts";
import type { Config } from "../config.ts";
import type { Log } from "../core/ports/log.ts";
import { webhookDataOf } from "../dialects/stomp/shapes/webhooks.ts";
import { startDeliverer } from "../webhooks/deliverer.ts";
import { DAY_OF_RETRIES } from "../webhooks/schedule.ts";

/** Of one request of a webhook, and how long whoever makes it has for that before another does. */
const TIMEOUT_MS = 10_000;
const LEASE_MS = 30_000;
const POLL_MS = 250;
const IDLE_MS = 2_000;
/** When the server stops, requests under way get so long: those cut off are made again. */
const DRAIN_MS = 2_000;
/** An endpoint that has taken nothing for so long is disabled. */
const DISABLE_MS = 24 * 3_600_000;

export interface RunningWebhooks {
  moved(): void;
  stop(): Promise<void>;
}

export function startWebhooks(parts: {
  readonly config: Config;
  readonly store: Pick<PostgresStore, "outbox">;
  readonly reach: Reach;
  readonly log: Log;
  readonly now: () => number;
  readonly elapsed: () => number;
}): RunningWebhooks {
  const { config, store, reach, log, now, elapsed } = parts;
  const poster = createPoster({ ...reach, timeoutMs: TIMEOUT_MS });
  const deliverer = startDeliverer({
    outbox: store.outbox,
    post: poster.post,
    dataOf: (event) => webhookDataOf(event, config.maxFileSizeMb),
    pace: createInProcessBuckets(config.webhookPace, elapsed),
    waits: DAY_OF_RETRIES,
    disableAfterMs: DISABLE_MS,
    leaseMs: LEASE_MS,
    pollMs: POLL_MS,
    idleMs: IDLE_MS,
    log,
    now,
    random: Math.random,
  });
  return {
    moved: deliverer.moved,
    async stop() {
      await deliverer.stop(DRAIN_MS);
      await poster.close();
    },
  };
}

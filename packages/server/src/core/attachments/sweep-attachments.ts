import type { AttachmentStore } from "../ports/attachment-store.ts";
import type { Blobs } from "../ports/blobs.ts";
import type { Log } from "../ports/log.ts";
import { blobKey } from "./blob-keys.ts";

const BATCH = 100;

export interface AttachmentSweepOptions {
  readonly attachments: AttachmentStore;
  readonly blobs: Pick<Blobs, "remove">;
  /** How long a file may wait for a message. */
  readonly orphanMs: number;
  readonly intervalMs: number;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly log: Log;
}

export interface AttachmentSweep {
  /** One sweep, now; resolves with how many files it removed. */
  run(): Promise<number>;
  stop(): Promise<void>;
}

/** Removes what no message uses or what went with its message; any number of processes may do so at once. */
export function startAttachmentSweep(options: AttachmentSweepOptions): AttachmentSweep {
  const { attachments, blobs, orphanMs, intervalMs, now, log } = options;
  let stopped = false;
  let running: Promise<unknown> = Promise.resolve();

  const run = async (): Promise<number> => {
    let removed = 0;
    while (!stopped) {
      const ids = await attachments.takeDoomed(now() - orphanMs, BATCH);
      if (ids.length === 0) break;
      await blobs.remove(ids.flatMap((id) => [blobKey(id, "file"), blobKey(id, "thumbnail")]));
      await attachments.forget(ids);
      removed += ids.length;
      if (ids.length < BATCH) break;
    }
    return removed;
  };
  const timer = setInterval(() => {
    running = running
      .then(run)
      .catch((error: unknown) =>
        log.warn({ error }, "unused files could not be removed, trying again later"),
      );
  }, intervalMs);

  return {
    run,
    async stop() {
      stopped = true;
      clearInterval(timer);
      await running;
    },
  };
}

import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDirectoryBlobs } from "../../src/adapters/blobs/directory-blobs.ts";
import { createFileIntake } from "../../src/adapters/files/file-intake.ts";
import { systemResolve } from "../../src/adapters/outgoing/post.ts";
import { createTargets } from "../../src/adapters/outgoing/targets.ts";
import { createInProcessPresence } from "../../src/adapters/presence/in-process-presence.ts";
import { createStoreQueue } from "../../src/adapters/queue/store-queue.ts";
import type { Caller } from "../../src/core/caller.ts";
import { createDoor, type Door } from "../../src/core/door.ts";
import { createTails } from "../../src/core/messages/tails.ts";
import type { Parts } from "../../src/core/parts.ts";
import { silentLog } from "../../src/core/ports/log.ts";
import { createPresence } from "../../src/core/presence/presence.ts";
import { createTyping } from "../../src/core/presence/typing.ts";
import { NO_LIMIT } from "../../src/core/rate-limits.ts";
import { Recent } from "../../src/core/recent.ts";
import { createStandings } from "../../src/core/standings.ts";
import { createUserDirectory } from "../../src/core/users/user-directory.ts";
import type { WritingNode } from "./node.ts";

/** The door of a node without faces and without limits but those given. */
export function openDoor(
  { store, writer, bus }: WritingNode,
  over: Partial<
    Pick<
      Parts,
      | ("messageLimit" | "reactionLimit" | "uploadLimit" | "blobs" | "intake" | "fileLimits")
      | ("presence" | "standings" | "tails" | "users" | "webhookTargets")
    >
  > = {},
): Door {
  return createDoor({
    reader: store.reader,
    writer,
    directs: new Recent(100, 60_000),
    queue: createStoreQueue(writer),
    ids: store.ids,
    users: createUserDirectory({ store: store.users, createUnknown: true }),
    people: store.people,
    bus,
    standings: createStandings(store.reader),
    tails: createTails(store.reader, store.ticks.epoch),
    presence: createPresence({
      registry: createInProcessPresence(),
      users: store.users,
      people: store.people,
      bus,
      audienceOf: () => [],
      maxAudience: 100,
      staleMs: 300_000,
      now: Date.now,
      log: silentLog,
    }),
    typing: createTyping(bus, 5_000, Date.now, () => {}),
    messageLimit: NO_LIMIT,
    reactionLimit: NO_LIMIT,
    attachments: store.attachments,
    search: store.search,
    blobs: createDirectoryBlobs(join(tmpdir(), "pl-blobs")),
    intake: createFileIntake({ directory: join(tmpdir(), "pl-uploads"), images: null }),
    uploadLimit: NO_LIMIT,
    fileLimits: { maxBytes: 1024 * 1024, allowedTypes: [] },
    contentLimits: { maxLength: 10_000, maxMetadataBytes: 8_192 },
    maxParticipants: 100,
    webhooks: store.webhooks,
    webhookTargets: createTargets({ allowPrivate: true, ownHosts: [], ports: [], resolve: systemResolve }),
    ...over,
  });
}

export const asUser = (userId: string): Caller => ({ userId, name: null, rights: "user", expiresAt: null });

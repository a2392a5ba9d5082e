import { join } from "node:path";
import { openBlobs } from "../adapters/blobs/open-blobs.ts";
import { createFileIntake } from "../adapters/files/file-intake.ts";
import { loadImages } from "../adapters/files/images.ts";
import type { Reach } from "../adapters/outgoing/reach.ts";
import { createTargets } from "../adapters/outgoing/targets.ts";
import type { PostgresStore } from "../adapters/store/postgres-store.ts";
import type { Config } from "../config.ts";
import { startAttachmentSweep } from "../core/attachments/sweep-attachments.ts";
import { createDoor, type Door } from "../core/door.ts";
import { createTails } from "../core/messages/tails.ts";
import type { Log } from "../core/ports/log.ts";
import { createPresence } from "../core/presence/presence.ts";
import { createTyping } from "../core/presence/typing.ts";
import { Recent } from "../core/recent.ts";
import { createMessageIndexer } from "../core/search/index-messages.ts";
import { createStandings } from "../core/standings.ts";
import { createUserDirectory } from "../core/users/user-directory.ts";
import { MAX_SIGNALLED_PARTICIPANTS } from "../delivery/channel.ts";
import { Hub } from "../delivery/hub.ts";
import { createListen, type Listen } from "../delivery/listen.ts";
import { type Sweep, startSweep } from "../delivery/sweep.ts";
import { type Follower, startFollower } from "../follower/follower.ts";
import { createWriter, type DrainingWriter } from "../writer/writer.ts";
import type { Common, OpenQueue } from "./common.ts";

/** How long a query or a batch waits for PostgreSQL to come back. */
export const PATIENCE_MS = 5_000;
/** Keeps one statement's parameters, and the memory of a batch, within a few megabytes. */
const MAX_BATCH_BYTES = 4 * 1024 * 1024;
/** Pairs of people whose direct conversation is remembered, and how long: as long as one wants, for it stays the same. */
const MAX_DIRECTS = 100_000;
const DIRECTS_MS = 600_000;
/** Messages that wait for a batch when the lanes have all they can do: at rest a batch takes what waits. */
const BUSY_WAITING = 128;
/** Between two looks for files that no message uses; those of deleted messages go as late as this. */
const ATTACHMENT_SWEEP_MS = 300_000;

export interface EngineParts {
  readonly config: Config;
  readonly store: PostgresStore;
  readonly common: Common;
  readonly nodeId: string;
  readonly dataDir: string;
  /** Where webhooks may go. */
  readonly reach: Reach;
  readonly log: Log;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** A clock that is never set, in milliseconds. */
  readonly elapsed: () => number;
}

/** All of a server that has no face: core, writer, delivery, and what follows behind the writer. */
export interface Engine {
  readonly door: Door;
  readonly listen: Listen;
  readonly hub: Hub;
  readonly writer: DrainingWriter;
  readonly queue: OpenQueue;
  readonly indexer: Follower;
  /** Also to be told when something was stored. */
  follow(one: { moved(): void }): void;
  /** Ends what is personal and periodic; the writer's drain is the caller's, for it comes twice. */
  stop(): Promise<void>;
}

export async function startEngine(parts: EngineParts): Promise<Engine> {
  const { config, store, common, nodeId, dataDir, log, now, elapsed } = parts;
  const { bus } = common;
  const behindWriter: { moved(): void }[] = [];
  const writer = createWriter({
    logs: store.logs,
    marks: store.marks,
    bus,
    log,
    onMoved() {
      for (const one of behindWriter) one.moved();
    },
    maxBatch: config.writerMaxBatch,
    maxBatchBytes: MAX_BATCH_BYTES,
    maxQueued: config.writerMaxQueued,
    maxQueuedBytes: config.writerMaxQueuedBytes,
    patienceMs: PATIENCE_MS,
  });
  const queue = common.openQueue(writer);
  const standings = createStandings(store.reader);
  const tails = createTails(store.reader, store.ticks.epoch);
  const users = createUserDirectory({ store: store.users, createUnknown: config.unknownUsers === "create" });
  let sweep: Sweep | undefined;
  const hub = new Hub({
    bus,
    reader: store.ticks,
    log,
    maxSendQueueBytes: config.maxSendQueueBytes,
    maxSessionsPerUser: config.maxConnectionsPerUser,
    noteDelivered: writer.noteDelivered,
    nodeId,
    watch: {
      conversationChanged: (id) => standings.forget(id),
      userChanged(id) {
        users.forget(id);
        tails.forgetAll();
      },
      typingHeard: (signal) => typing.heard(signal),
    },
    onLost() {
      standings.forgetAll();
      tails.forgetAll();
      users.forgetAll();
      sweep?.run().catch(() => log.warn({}, "the sweep after a loss waits for the next one"));
    },
  });
  const presence = createPresence({
    registry: common.registry,
    users: store.users,
    people: store.people,
    bus,
    audienceOf: (userId) => hub.smallConversations(userId),
    maxAudience: MAX_SIGNALLED_PARTICIPANTS,
    staleMs: config.presenceStaleMinutes * 60_000,
    now,
    log,
  });
  const typing = createTyping(bus, config.typingTtlSeconds * 1_000, elapsed, (signal) =>
    hub.tellTyping(signal),
  );
  const blobs = await openBlobs({
    url: config.blobsUrl,
    dataDir,
    accessKeyId: config.s3AccessKeyId,
    secretAccessKey: config.s3SecretAccessKey,
  });
  const door = createDoor({
    reader: store.reader,
    writer,
    directs: new Recent(MAX_DIRECTS, DIRECTS_MS),
    queue: queue.queue,
    ids: store.ids,
    users,
    people: store.people,
    bus,
    standings,
    tails,
    presence,
    typing,
    messageLimit: common.limit("messages", config.rateLimitMessages),
    reactionLimit: common.limit("reactions", config.rateLimitReactions),
    attachments: store.attachments,
    search: store.search,
    blobs,
    intake: createFileIntake({ directory: join(dataDir, "uploads"), images: await loadImages(log) }),
    uploadLimit: common.limit("uploads", config.rateLimitUploads),
    fileLimits: { maxBytes: config.maxFileSizeMb * 1024 * 1024, allowedTypes: config.allowedFileTypes },
    contentLimits: { maxLength: config.maxMessageLength, maxMetadataBytes: config.maxMetadataBytes },
    maxParticipants: config.maxParticipants,
    webhooks: store.webhooks,
    webhookTargets: createTargets({ ...parts.reach, ports: config.webhookPorts.map(Number) }),
  });
  sweep = startSweep({
    hub,
    reader: store.ticks,
    intervalMs: config.sweepSeconds * 1_000,
    log,
    now,
    onNewEpoch: () => {
      queue.keepIdsAhead().catch(() => log.warn({}, "ids could not be compared with those in the queue"));
      for (const session of hub.sessions()) {
        session.end("restart");
        // At once: whoever came back before the last of them has gone would listen behind clocks of the old life.
        hub.detach(session);
      }
    },
  });
  await sweep.run();
  const attachmentSweep = startAttachmentSweep({
    attachments: store.attachments,
    blobs,
    orphanMs: config.attachmentOrphanHours * 3_600_000,
    intervalMs: ATTACHMENT_SWEEP_MS,
    now,
    log,
  });
  const indexer = startFollower({
    store: store.follow,
    consumer: createMessageIndexer(store.search),
    holder: nodeId,
    log,
    isBusy: () => writer.waiting() > BUSY_WAITING,
  });
  behindWriter.push(indexer);

  return {
    door,
    listen: createListen({ hub, reader: store.ticks, presence, users }),
    hub,
    writer,
    queue,
    indexer,
    follow: (one) => {
      behindWriter.push(one);
    },
    async stop() {
      typing.close();
      await presence.drain();
      await writer.drain();
      await sweep?.stop();
      await bus.close();
      await attachmentSweep.stop();
      await indexer.stop();
    },
  };
}

import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { Registry } from "prom-client";
import { openBlobs } from "./adapters/blobs/open-blobs.ts";
import { createInProcessBus } from "./adapters/bus/in-process-bus.ts";
import { createRedisBus, type RedisBus } from "./adapters/bus/redis-bus.ts";
import { createFileIntake } from "./adapters/files/file-intake.ts";
import { loadImages } from "./adapters/files/images.ts";
import { createInProcessBuckets } from "./adapters/limits/in-process-buckets.ts";
import { createRedisBuckets } from "./adapters/limits/redis-buckets.ts";
import { createPoster, systemResolve } from "./adapters/outgoing/post.ts";
import { createTargets } from "./adapters/outgoing/targets.ts";
import { createInProcessPresence } from "./adapters/presence/in-process-presence.ts";
import { openRedisPresence } from "./adapters/presence/redis-presence.ts";
import { openRedisQueue } from "./adapters/queue/redis/redis-queue.ts";
import { createStoreQueue } from "./adapters/queue/store-queue.ts";
import { namespaceOf } from "./adapters/redis/namespace.ts";
import { joinNodes, type Nodes } from "./adapters/redis/nodes.ts";
import { openRedis, type Redis } from "./adapters/redis/redis.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "./adapters/store/embedded/embedded-postgres.ts";
import { checkServer, migrate } from "./adapters/store/migrate.ts";
import { connectStore, type PostgresStore } from "./adapters/store/postgres-store.ts";
import { createCapricious } from "./capricious/capricious.ts";
import { VERSION } from "./cli/version.ts";
import type { RedisAddress } from "./config/redis-url.ts";
import type { Config, Mode } from "./config.ts";
import { startAttachmentSweep } from "./core/attachments/sweep-attachments.ts";
import { createDoor } from "./core/door.ts";
import { createTails } from "./core/messages/tails.ts";
import type { Log } from "./core/ports/log.ts";
import { StartupError } from "./core/ports/startup-error.ts";
import { createPresence } from "./core/presence/presence.ts";
import { createTyping } from "./core/presence/typing.ts";
import { createRateLimit, NO_LIMIT, type RateLimit } from "./core/rate-limits.ts";
import { Recent } from "./core/recent.ts";
import { createMessageIndexer } from "./core/search/index-messages.ts";
import { createStandings } from "./core/standings.ts";
import { createUserDirectory } from "./core/users/user-directory.ts";
import { MAX_SIGNALLED_PARTICIPANTS } from "./delivery/channel.ts";
import { Hub } from "./delivery/hub.ts";
import { createListen } from "./delivery/listen.ts";
import { type Sweep, startSweep } from "./delivery/sweep.ts";
import type { Dialect } from "./dialects/dialect.ts";
import { createQueueDialect } from "./dialects/queue/dialect.ts";
import { createSocketIoDialect } from "./dialects/socketio/dialect.ts";
import { createSseDialect } from "./dialects/sse/dialect.ts";
import { createStompDialect } from "./dialects/stomp/dialect.ts";
import { webhookDataOf } from "./dialects/stomp/webhook-shapes.ts";
import { createWebSocketDialect } from "./dialects/websocket/dialect.ts";
import { startFollower } from "./follower/follower.ts";
import { createIdentity } from "./http/identity.ts";
import { createListener } from "./http/listener.ts";
import { readOrMakeOpenSecret } from "./http/open-secret.ts";
import { sharedRoutes } from "./http/shared-routes.ts";
import { createSignedLinks } from "./http/signed-links.ts";
import { createSticky } from "./http/sticky.ts";
import { registerMetrics } from "./metrics.ts";
import { createBot } from "./sandbox/bot.ts";
import { createSandbox } from "./sandbox/sandbox.ts";
import { webAppRoutes } from "./web-app/routes.ts";
import { startDeliverer } from "./webhooks/deliverer.ts";
import { DAY_OF_RETRIES } from "./webhooks/schedule.ts";
import type { Seat } from "./workers/seat.ts";
import { createWriter } from "./writer/writer.ts";

export interface RunningServer {
  readonly url: string;
  readonly mode: Mode;
  /** Where data lives, in words. */
  readonly store: string;
  /** What an ack survives, in words. */
  readonly durability: string;
  /** Stops accepting, finishes what it holds, tells clients to come back, closes, stops PostgreSQL last. */
  drain(): Promise<void>;
}

/** Where the build of apps/web puts it. */
const WEB_APP = fileURLToPath(new URL("../../../apps/web/dist/", import.meta.url));
const MIGRATIONS = new URL("./adapters/store/migrations/", import.meta.url);
/** How long a query or a batch waits for PostgreSQL to come back. */
const PATIENCE_MS = 5_000;
/** A start waits so long for Redis, and does without. */
const REDIS_PATIENCE_MS = 2_000;
/** Keeps one statement's parameters, and the memory of a batch, within a few megabytes. */
const MAX_BATCH_BYTES = 4 * 1024 * 1024;
/** Pairs of people whose direct conversation is remembered, and how long: as long as one wants, for it stays the same. */
const MAX_DIRECTS = 100_000;
const DIRECTS_MS = 600_000;
/** Messages that wait for a batch when the lanes have all they can do: at rest a batch takes what waits. */
const BUSY_WAITING = 128;
/** What the last batches made is handed to the sockets before they are closed. */
const FLUSH_MS = 50;
/** Between two looks for files that no message uses; those of deleted messages go as late as this. */
const ATTACHMENT_SWEEP_MS = 300_000;
/** Of one request of a webhook, and how long whoever makes it has for that before another does. */
const WEBHOOK_TIMEOUT_MS = 10_000;
const WEBHOOK_LEASE_MS = 30_000;
const WEBHOOK_POLL_MS = 250;
const WEBHOOK_IDLE_MS = 2_000;
/** When the server stops, requests under way get so long: those cut off are made again. */
const WEBHOOK_DRAIN_MS = 2_000;
/** An endpoint that has taken nothing for so long is disabled. */
const WEBHOOK_DISABLE_MS = 24 * 3_600_000;

/** A commit that takes longer is none that messages could wait for; `/ready` itself waits for two seconds. */
const PROBE_MS = 1_500;

/** For what is measured and not told: a clock that is set does not go through it. */
const elapsed = (): number => performance.now();

/**
 * The composition root: the only file that knows every room. Rejects with a `StartupError`.
 * @param seat its place where it is one of several processes that share a port
 */
export async function startServer(
  config: Config,
  log: Log,
  seat: Seat | null = null,
): Promise<RunningServer> {
  const dataDir = resolve(config.dataDir);
  const now = Date.now;
  const needsPostgres = config.databaseUrl === null && seat === null;
  const embedded = needsPostgres ? await startEmbeddedPostgres({ dataDir, log }) : null;
  try {
    return await startOver(embedded, dataDir, config, log, now, seat);
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
}

async function startOver(
  embedded: EmbeddedPostgres | null,
  dataDir: string,
  config: Config,
  log: Log,
  now: () => number,
  seat: Seat | null,
): Promise<RunningServer> {
  const bundled = seat?.postgres ?? embedded;
  const connection: pg.ClientConfig = bundled?.connection ?? {
    connectionString: config.databaseUrl as string,
  };
  embedded?.onDown((reason) => log.error({ reason }, "PostgreSQL has ended and is being started again"));
  embedded?.onUp(() => log.info({}, "PostgreSQL answers again"));
  const durability = await prepareDatabase(
    connection,
    bundled === null ? "DATABASE_URL: PostgreSQL" : "The embedded PostgreSQL",
    log,
  );
  const store = await connectStore({
    connection,
    lanes: config.writerLanes,
    readConnections: config.databaseReadConnections,
    patienceMs: PATIENCE_MS,
    log,
  });

  const nodeId = randomUUID().slice(0, 8);
  const shared = config.redisUrl === null ? null : await joinRedis(config.redisUrl, store, nodeId, log);
  const carrier = shared === null ? null : createRedisBus({ ...shared, origin: nodeId, log });
  const bus = carrier ?? seat?.bus(nodeId) ?? createInProcessBus();
  const carries = carrier?.whenUp(REDIS_PATIENCE_MS);
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
  const redisQueue =
    shared === null || config.queue === "postgres"
      ? null
      : openRedisQueue({
          ...shared,
          nodeId,
          writer,
          reader: store.reader,
          maxWaiting: config.queueMaxWaiting,
          maxDeadLetters: config.queueMaxDeadLetters,
          log,
        });
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
  const registry =
    shared === null
      ? (seat?.presence ?? createInProcessPresence())
      : openRedisPresence({ ...shared, nodeId, log, random: Math.random });
  const presence = createPresence({
    registry,
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
  const reach = {
    allowPrivate: config.webhookAllowPrivate === "on",
    ownHosts: config.publicHosts,
    resolve: systemResolve,
  };
  const maxFileBytes = config.maxFileSizeMb * 1024 * 1024;
  const door = createDoor({
    reader: store.reader,
    writer,
    directs: new Recent(MAX_DIRECTS, DIRECTS_MS),
    queue: redisQueue ?? createStoreQueue(writer),
    ids: store.ids,
    users,
    people: store.people,
    bus,
    standings,
    tails,
    presence,
    typing,
    messageLimit: limitOf("messages", config.rateLimitMessages, shared, seat),
    reactionLimit: limitOf("reactions", config.rateLimitReactions, shared, seat),
    attachments: store.attachments,
    search: store.search,
    blobs,
    intake: createFileIntake({ directory: join(dataDir, "uploads"), images: await loadImages(log) }),
    uploadLimit: limitOf("uploads", config.rateLimitUploads, shared, seat),
    fileLimits: { maxBytes: maxFileBytes, allowedTypes: config.allowedFileTypes },
    contentLimits: { maxLength: config.maxMessageLength, maxMetadataBytes: config.maxMetadataBytes },
    maxParticipants: config.maxParticipants,
    webhooks: store.webhooks,
    webhookTargets: createTargets({ ...reach, ports: config.webhookPorts.map(Number) }),
  });
  /** A database that was put back to an earlier state would give ids again that messages in the queue have. */
  const keepIdsAhead = async (): Promise<void> => {
    const highest = (await redisQueue?.highestId()) ?? 0;
    if (highest > 0) await store.moveIdsPast(highest);
  };
  shared?.redis.onChange((up) => {
    if (up) keepIdsAhead().catch(() => {});
  });
  sweep = startSweep({
    hub,
    reader: store.ticks,
    intervalMs: config.sweepSeconds * 1_000,
    log,
    now,
    onNewEpoch: () => {
      keepIdsAhead().catch(() => log.warn({}, "ids could not be compared with those in the queue"));
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

  const identity = createIdentity({
    mode: config.mode,
    keys: await tokenKeys(config, dataDir),
    issuer: config.jwtIssuer,
    audience: config.jwtAudience,
    now,
    log,
  });
  const sticky = seat === null ? null : createSticky(seat.place);
  const listener = createListener(config, log, sticky);
  const metrics = new Registry();
  seat?.onMetrics(() => metrics.getMetricsAsJSON());
  registerMetrics(metrics, {
    process: nodeId,
    hub,
    writer,
    indexer,
    bus: carrier,
    queued: redisQueue?.waiting ?? null,
  });
  listener.addScope(
    sharedRoutes({
      mode: config.mode,
      version: VERSION,
      identity,
      process: nodeId,
      ready: () => readiness(store, durability, shared?.nodes ?? null, carrier),
      metrics,
      allMetrics: seat?.metrics ?? (() => metrics.metrics()),
      describe: () => listener.describe(VERSION),
    }),
  );
  listener.addScope(
    webAppRoutes({
      directory: config.webAppDir ?? WEB_APP,
      mode: config.mode,
      allowedOrigins: config.allowedOrigins,
    }),
  );
  const parts = {
    door,
    listen: createListen({ hub, reader: store.ticks, presence, users }),
    identity,
    links: createSignedLinks(await store.secret("links"), now),
    log,
    now,
    isOurs: sticky?.isOurs ?? (() => true),
  };
  const bot = config.mode === "open" && config.sandboxBot === "on" ? createBot(parts) : null;
  const sandbox = config.mode === "open" ? createSandbox(door, bot) : null;
  const capricious = createCapricious(config, log);
  const dialects: readonly Dialect[] = [
    capricious.overRequests(createQueueDialect(parts, config)),
    createSocketIoDialect(capricious.parts("socketio", parts), config),
    capricious.overRequests(
      createSseDialect(parts, {
        heartbeatSeconds: config.heartbeatSeconds,
        sandbox,
        listenFor: capricious.listenFor("sse", parts.listen),
      }),
    ),
    createStompDialect(capricious.parts("stomp", parts), config),
    createWebSocketDialect(capricious.parts("websocket", parts), config),
  ];
  for (const { scopes, upgrades, raw, sessionOf } of dialects) {
    if (sessionOf !== undefined) listener.addSessions(sessionOf);
    scopes.forEach(listener.addScope);
    upgrades.forEach(listener.addUpgrade);
    raw.forEach(listener.addRaw);
  }
  await carries;
  const url = await listener.listen();
  const poster = createPoster({ ...reach, timeoutMs: WEBHOOK_TIMEOUT_MS });
  const deliverer = startDeliverer({
    outbox: store.outbox,
    post: poster.post,
    dataOf: (event) => webhookDataOf(event, config.maxFileSizeMb),
    pace: createInProcessBuckets(config.webhookPace, elapsed),
    waits: DAY_OF_RETRIES,
    disableAfterMs: WEBHOOK_DISABLE_MS,
    leaseMs: WEBHOOK_LEASE_MS,
    pollMs: WEBHOOK_POLL_MS,
    idleMs: WEBHOOK_IDLE_MS,
    log,
    now,
    random: Math.random,
  });
  behindWriter.push(deliverer);
  bot?.wake().catch((error: unknown) => log.warn({ error }, "the bot does not listen yet"));

  return {
    url,
    mode: config.mode,
    store:
      bundled === null
        ? "the PostgreSQL of DATABASE_URL"
        : `PostgreSQL ${bundled.version} in ${join(dataDir, "postgres")}`,
    durability:
      durability === "D2"
        ? "acknowledged messages survive a power failure"
        : "acknowledged messages survive a crash of the server",
    async drain() {
      const closed = listener.drain(config.drainSeconds * 1_000);
      const told = deliverer.stop(WEBHOOK_DRAIN_MS);
      const queueClosed = redisQueue?.close();
      await writer.drain();
      await new Promise((done) => setTimeout(done, FLUSH_MS));
      bot?.stop();
      await registry.leave();
      for (const dialect of dialects) await dialect.drain();
      await closed;
      typing.close();
      await presence.drain();
      await queueClosed;
      await writer.drain();
      await sweep?.stop();
      await bus.close();
      await attachmentSweep.stop();
      await indexer.stop();
      await told;
      await poster.close();
      await shared?.nodes.leave("for others to clear up");
      shared?.redis.close();
      await store.close();
      await embedded?.stop();
    },
  };
}

async function prepareDatabase(connection: pg.ClientConfig, which: string, log: Log): Promise<"D1" | "D2"> {
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

async function tokenKeys(config: Config, dataDir: string) {
  if (config.jwtSecret !== null) return { secret: config.jwtSecret };
  if (config.jwtJwksUrl !== null) return { jwksUrl: config.jwtJwksUrl };
  await mkdir(dataDir, { recursive: true });
  return { secret: await readOrMakeOpenSecret(dataDir) };
}

function limitOf(
  name: string,
  perMinute: number | null,
  shared: { readonly redis: Redis; readonly prefix: string } | null,
  seat: Seat | null,
): RateLimit {
  if (perMinute === null) return NO_LIMIT;
  if (shared === null && seat !== null) return createRateLimit(perMinute, seat.buckets(name, perMinute));
  const own = createInProcessBuckets(perMinute, elapsed);
  if (shared === null) return createRateLimit(perMinute, own);
  const key = `${shared.prefix}limit:${name}`;
  return createRateLimit(perMinute, createRedisBuckets(shared.redis, key, perMinute, own, elapsed));
}

/** What all that is kept in Redis shares: one connection, and the list of processes that are alive. */
async function joinRedis(address: RedisAddress, store: PostgresStore, nodeId: string, log: Log) {
  const secret = await store.secret("redis");
  const redis = openRedis(address, "what processes share", log);
  const prefix = `${namespaceOf(secret)}:`;
  return { address, redis, secret, prefix, nodes: joinNodes(redis, prefix, nodeId, log) };
}

async function readiness(
  store: PostgresStore,
  durability: string,
  nodes: Pick<Nodes, "state"> | null,
  bus: Pick<RedisBus, "isUp"> | null,
) {
  const others = {
    ...(nodes !== null && { redis: nodes.state() }),
    ...(bus !== null && { bus: bus.isUp() ? "ok" : "other processes' messages are a sweep late" }),
  };
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(reject, PROBE_MS);
  try {
    await Promise.race([store.probe(), late]);
    return { ok: true, store: "ok", durability, ...others };
  } catch {
    return { ok: false, store: "nothing can be stored", durability, ...others };
  } finally {
    clearTimeout(timer);
  }
}

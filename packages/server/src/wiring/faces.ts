import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Registry } from "prom-client";
import type { PostgresStore } from "../adapters/store/postgres-store.ts";
import { createCapricious } from "../capricious/capricious.ts";
import type { Config } from "../config.ts";
import type { Log } from "../core/ports/log.ts";
import type { Dialect } from "../dialects/dialect.ts";
import { createQueueDialect } from "../dialects/queue/dialect.ts";
import { createSocketIoDialect } from "../dialects/socketio/dialect.ts";
import { createSseDialect } from "../dialects/sse/dialect.ts";
import { createStompDialect } from "../dialects/stomp/dialect.ts";
import { createWebSocketDialect } from "../dialects/websocket/dialect.ts";
import { createIdentity } from "../http/identity.ts";
import { createListener } from "../http/listener.ts";
import { readOrMakeOpenSecret } from "../http/open-secret.ts";
import { sharedRoutes } from "../http/shared-routes.ts";
import { createSignedLinks } from "../http/signed-links.ts";
import { createSticky } from "../http/sticky.ts";
import { registerMetrics } from "../metrics.ts";
import { createBot } from "../sandbox/bot.ts";
import { createSandbox } from "../sandbox/sandbox.ts";
import { VERSION } from "../version.ts";
import { webAppRoutes } from "../web-app/routes.ts";
import type { Seat } from "../workers/seat.ts";
import type { Common } from "./common.ts";
import { canStore, type DurabilityLevel } from "./database.ts";
import type { Engine } from "./engine.ts";

/** Where the build of apps/web puts it. */
const WEB_APP = fileURLToPath(new URL("../../../../apps/web/dist/", import.meta.url));

export interface FacesParts {
  readonly config: Config;
  readonly store: PostgresStore;
  readonly common: Common;
  readonly engine: Engine;
  readonly durability: DurabilityLevel;
  readonly nodeId: string;
  readonly dataDir: string;
  readonly seat: Seat | null;
  readonly log: Log;
  readonly now: () => number;
}

/** What of a server can be spoken to: the port, and all dialects on it. */
export interface Faces {
  /** Resolves to where it listens. */
  listen(): Promise<string>;
  /** Accepts nothing more; resolves when what was under way is answered, or its time is over. */
  close(ms: number): Promise<void>;
  /** Tells clients to come back, and closes their connections. */
  drain(): Promise<void>;
}

export async function createFaces(parts: FacesParts): Promise<Faces> {
  const { config, store, common, engine, durability, nodeId, seat, log, now } = parts;
  const { door, hub, writer, indexer, queue } = engine;
  const identity = createIdentity({
    mode: config.mode,
    keys: await tokenKeys(config, parts.dataDir),
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
    bus: common.carrier,
    queued: queue.waiting,
  });
  listener.addScope(
    sharedRoutes({
      mode: config.mode,
      version: VERSION,
      identity,
      process: nodeId,
      async ready() {
        const ok = await canStore(store);
        return { ok, store: ok ? "ok" : "nothing can be stored", durability, ...common.state() };
      },
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
  const dialectParts = {
    door,
    listen: engine.listen,
    identity,
    links: createSignedLinks(await store.secret("links"), config.fileLinkMinutes * 60_000, now),
    log,
    now,
    isOurs: sticky?.isOurs ?? (() => true),
  };
  const bot = config.mode === "open" && config.sandboxBot === "on" ? createBot(dialectParts) : null;
  const sandbox = config.mode === "open" ? createSandbox(door, bot) : null;
  const capricious = createCapricious(config, log);
  const dialects: readonly Dialect[] = [
    capricious.overRequests(createQueueDialect(dialectParts, config)),
    createSocketIoDialect(capricious.parts("socketio", dialectParts), config),
    capricious.overRequests(
      createSseDialect(dialectParts, {
        heartbeatSeconds: config.heartbeatSeconds,
        sandbox,
        listenFor: capricious.listenFor("sse", dialectParts.listen),
      }),
    ),
    createStompDialect(capricious.parts("stomp", dialectParts), config),
    createWebSocketDialect(capricious.parts("websocket", dialectParts), config),
  ];
  for (const { scopes, upgrades, raw, sessionOf } of dialects) {
    if (sessionOf !== undefined) listener.addSessions(sessionOf);
    scopes.forEach(listener.addScope);
    upgrades.forEach(listener.addUpgrade);
    raw.forEach(listener.addRaw);
  }
  return {
    async listen() {
      const url = await listener.listen();
      bot?.wake().catch((error: unknown) => log.warn({ error }, "the bot does not listen yet"));
      return url;
    },
    close: (ms) => listener.drain(ms),
    async drain() {
      bot?.stop();
      await common.registry.leave();
      for (const dialect of dialects) await dialect.drain();
    },
  };
}

async function tokenKeys(config: Config, dataDir: string) {
  if (config.jwtSecret !== null) return { secret: config.jwtSecret };
  if (config.jwtJwksUrl !== null) return { jwksUrl: config.jwtJwksUrl };
  await mkdir(dataDir, { recursive: true });
  return { secret: await readOrMakeOpenSecret(dataDir) };
}

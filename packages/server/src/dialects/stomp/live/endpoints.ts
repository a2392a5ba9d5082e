import { createClientAddress } from "../../../http/client-address.ts";
import { startHeartbeat } from "../../../http/heartbeat.ts";
import { createOrigins } from "../../../http/origins.ts";
import type { UpgradePath } from "../../../http/upgrades.ts";
import type { Dialect, DialectParts } from "../../dialect.ts";
import { createPlainWebSocket } from "../plain-websocket.ts";
import { FIXED_LIMITS, type SessionLimits, visitMs } from "../session/limits.ts";
import { StompSession } from "../session/session.ts";
import { createSockJs, FIXED_SOCKJS_LIMITS, type Opening, sessionOf } from "../sockjs/routes.ts";
import type { ByteTransport, TransportEvents } from "../transport.ts";
import { LiveClient, type LiveParts } from "./client.ts";
import { createCodecs } from "./codec.ts";
import { connectedCaller, openingOf } from "./connecting.ts";

export type LiveOptions = Parameters<typeof createOrigins>[0] & {
  readonly trustProxy: Parameters<typeof createClientAddress>[0];
  readonly maxBodyBytes: number;
  readonly maxFrameBytes: number;
  readonly maxFramesPerSecond: number;
  readonly maxSendQueueBytes: number;
  readonly maxSockjsSessionsPerAddress: number;
  readonly maxFileSizeMb: number;
  readonly heartbeatSeconds: number;
};

const SOCKJS = "/ws/chat";
const PLAIN = [`${SOCKJS}/websocket`, "/ws-raw"];

/** Where STOMP is spoken, and to what end: what this dialect tells and is told at once. */
export function createLive(
  parts: DialectParts,
  options: LiveOptions,
): Pick<Dialect, "raw" | "upgrades" | "drain" | "sessionOf"> {
  const { log, now } = parts;
  const limits: SessionLimits = {
    ...FIXED_LIMITS,
    heartBeatMs: Math.min(FIXED_LIMITS.heartBeatMs, options.heartbeatSeconds * 1_000),
    pingMs: options.heartbeatSeconds * 1_000,
    maxBodyBytes: options.maxFrameBytes,
    maxFramesPerSecond: options.maxFramesPerSecond,
    maxSendQueueBytes: options.maxSendQueueBytes,
  };
  const { maxFileSizeMb } = options;
  const liveParts: LiveParts = { ...parts, codecs: createCodecs(maxFileSizeMb), maxFileSizeMb };
  const heartbeat = startHeartbeat(visitMs(limits));
  const sessions = new Set<StompSession>();
  let isDraining = false;

  const opened = (transport: ByteTransport, request: Opening): TransportEvents => {
    const opening = openingOf(request);
    const session = new StompSession({
      transport,
      application: {
        async connect(connecting, headers) {
          const caller = await connectedCaller(parts.identity, opening, headers);
          const client = new LiveClient(liveParts, caller, connecting);
          await client.open();
          return client;
        },
      },
      limits,
      log,
      now,
      gone(ended) {
        sessions.delete(ended);
        heartbeat.remove(ended);
      },
    });
    sessions.add(session);
    heartbeat.add(session);
    if (isDraining) setImmediate(() => session.end("restart"));
    return session;
  };

  const sockJs = createSockJs({
    prefix: SOCKJS,
    websocket: true,
    limits: {
      ...FIXED_SOCKJS_LIMITS,
      maxBodyBytes: options.maxBodyBytes,
      maxFrameBytes: options.maxFrameBytes,
      maxSessionsPerAddress: options.maxSockjsSessionsPerAddress,
      maxMessages: options.maxFramesPerSecond,
    },
    addressOf: createClientAddress(options.trustProxy),
    originRefusal: createOrigins(options).upgradeRefusal,
    opened,
    log,
  });
  const accept = createPlainWebSocket(limits.maxBodyBytes + limits.maxHeadBytes);
  const plain = PLAIN.map(
    (path): UpgradePath => ({
      path,
      match: "exact",
      handle: (upgrade) =>
        accept(upgrade, (transport) =>
          opened(transport, { headers: upgrade.request.headers, query: upgrade.query }),
        ),
    }),
  );

  return {
    raw: sockJs.raw,
    upgrades: [...plain, ...sockJs.upgrades],
    sessionOf: (path) => (path.startsWith(`${SOCKJS}/`) ? sessionOf(path.slice(SOCKJS.length)) : null),
    async drain() {
      isDraining = true;
      heartbeat.stop();
      sockJs.stop();
      for (const session of sessions) session.end("restart");
    },
  };
}

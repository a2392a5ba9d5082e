import { loadConfig } from "../../../src/config.ts";
import { createPlainWebSocket } from "../../../src/dialects/stomp/plain-websocket.ts";
import { FIXED_LIMITS, type SessionLimits, visitMs } from "../../../src/dialects/stomp/session/limits.ts";
import { StompSession } from "../../../src/dialects/stomp/session/session.ts";
import {
  createSockJs,
  FIXED_SOCKJS_LIMITS,
  type SockJs,
  type SockJsLimits,
} from "../../../src/dialects/stomp/sockjs/routes.ts";
import type { ByteTransport, TransportEvents } from "../../../src/dialects/stomp/transport.ts";
import { spell } from "../../../src/dialects/stomp/transport.ts";
import { createClientAddress } from "../../../src/http/client-address.ts";
import { startHeartbeat } from "../../../src/http/heartbeat.ts";
import { createListener } from "../../../src/http/listener.ts";
import { createOrigins } from "../../../src/http/origins.ts";
import { recordingLog } from "../../support/log.ts";
import { type Broker, createBroker } from "./broker.ts";

export interface StompScene {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly broker: Broker;
  /** The byte echo at `/echo`, for what is counted. */
  readonly echo: SockJs;
  /** What an operator would read. */
  readonly lines: () => readonly string[];
  close(): Promise<void>;
}

export interface SceneOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly session?: Partial<SessionLimits>;
  readonly sockjs?: Partial<SockJsLimits>;
}

/**
 * A real listener with a STOMP broker at `/stomp` (SockJS), `/stomp/websocket` and `/ws-raw`, and what SockJS judges
 * want beside it: `/echo`, `/close` and `/disabled_websocket_echo`.
 */
export async function openStompScene({
  env = {},
  session = {},
  sockjs = {},
}: SceneOptions = {}): Promise<StompScene> {
  const config = loadConfig({ PORT: "0", ...env }, []);
  const { log, entries } = recordingLog();
  const listener = createListener(config, log);
  const origins = createOrigins(config);
  const limits: SessionLimits = {
    ...FIXED_LIMITS,
    pingMs: 25_000,
    maxBodyBytes: config.maxFrameBytes,
    maxFramesPerSecond: config.maxFramesPerSecond,
    maxSendQueueBytes: config.maxSendQueueBytes,
    ...session,
  };
  const broker = createBroker();
  const wheel = startHeartbeat(visitMs(limits));
  const openSession = (transport: ByteTransport): TransportEvents => {
    const opened = new StompSession({
      transport,
      application: broker,
      limits,
      log,
      now: Date.now,
      gone: (gone) => wheel.remove(gone),
    });
    wheel.add(opened);
    return opened;
  };

  const mount = (
    prefix: string,
    opened: (transport: ByteTransport) => TransportEvents,
    websocket = true,
  ): SockJs => {
    const mounted = createSockJs({
      prefix,
      websocket,
      limits: {
        ...FIXED_SOCKJS_LIMITS,
        maxBodyBytes: config.maxBodyBytes,
        maxFrameBytes: config.maxFrameBytes,
        maxSessionsPerAddress: config.maxSockjsSessionsPerAddress,
        maxMessages: config.maxFramesPerSecond,
        ...sockjs,
      },
      addressOf: createClientAddress(config.trustProxy),
      originRefusal: origins.upgradeRefusal,
      opened,
      log,
    });
    mounted.raw.forEach(listener.addRaw);
    mounted.upgrades.forEach(listener.addUpgrade);
    return mounted;
  };
  const echo = mount("/echo", echoing);
  const mounted = [
    echo,
    mount("/close", closing),
    mount("/disabled_websocket_echo", echoing, false),
    mount("/stomp", openSession),
  ];
  const plain = createPlainWebSocket(limits.maxBodyBytes + limits.maxHeadBytes);
  for (const path of ["/stomp/websocket", "/ws-raw"]) {
    listener.addUpgrade({ path, match: "exact", handle: (upgrade) => plain(upgrade, openSession) });
  }
  listener.addUpgrade({
    path: "/echo/websocket",
    match: "exact",
    handle: (upgrade) => plain(upgrade, echoing),
  });

  return {
    url: await listener.listen(),
    broker,
    echo,
    lines: () => entries.map((entry) => JSON.stringify(entry)),
    async close() {
      for (const { stop } of mounted) stop();
      wheel.stop();
      await listener.drain(100);
    },
  };
}

function echoing(transport: ByteTransport): TransportEvents {
  return {
    received: (data) => transport.write([[Buffer.from(spell(transport.spelling, data.toString()))]]),
    alive() {},
    closed() {},
  };
}

function closing(transport: ByteTransport): TransportEvents {
  // Not in the constructor's turn: an owner is told of nothing before it is there.
  setImmediate(() => transport.close(3000 as 1000, "Go away!"));
  return { received() {}, alive() {}, closed() {} };
}

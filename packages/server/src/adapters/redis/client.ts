import { createClient, createCluster, createSentinel, RESP_TYPES } from "redis";
import type { RedisAddress } from "../../config/redis-url.ts";

export type Argument = string | Buffer;
export type Heard = (message: Buffer, channel: Buffer) => void;

/** One logical connection, whatever servers are behind it. */
export interface Client {
  /** Resolves when it can be used; where it rejects, the client is of no more use. */
  connect(): Promise<unknown>;
  /** Goes to the server that has `key`; answers with `Buffer`s for strings where asked to. */
  send(key: string, args: readonly Argument[], buffers: boolean): Promise<unknown>;
  /** Sharded channels live where a key of their name would. */
  subscribe(channels: readonly string[], heard: Heard, sharded: boolean): Promise<unknown>;
  unsubscribe(channels: readonly string[], heard: Heard, sharded: boolean): Promise<unknown>;
  isReady(): boolean;
  destroy(): void;
}

export interface ClientEvents {
  /** Each time that a server answers after it did not. */
  readonly ready: () => void;
  readonly error: (error: Error) => void;
}

const BUFFERS = { [RESP_TYPES.BLOB_STRING]: Buffer };
const CONNECT_TIMEOUT_MS = 3_000;
/** A connection is pinged when nothing else was said for so long, and given up when nothing came for three times that. */
const PING_MS = 2_000;
const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 2_000;
/** More commands than this wait for no answer. */
const MAX_COMMANDS = 100_000;

/** How long to wait before the next attempt: doubled each time, and never the same for all who lost a server at once. */
export function reconnectWait(attempts: number): number {
  const most = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempts);
  return Math.ceil(most / 2 + (Math.random() * most) / 2);
}

/** The one place that makes clients of the library. What is sent while there is no connection is refused at once. */
export function makeClient(address: RedisAddress, events: ClientEvents): Client {
  const { username, password } = address;
  const options = {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    name: "parlance",
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_COMMANDS,
    pingInterval: PING_MS,
    // Whoever sends keeps time; the library would make an AbortSignal for each command, and abort it in the end.
    commandOptions: { timeout: 0 },
  };
  const socket = {
    connectTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: PING_MS * 3,
    reconnectStrategy: reconnectWait,
    ...(address.tls && { tls: true as const }),
  };
  if (address.topology === "cluster") return clusterClient(address, options, socket, events);
  if (address.topology === "sentinel") return sentinelClient(address, options, socket, events);
  const [node] = address.nodes;
  const client = createClient({
    ...options,
    database: address.database,
    socket: { ...socket, ...node } as ClientSocket,
  });
  client.on("ready", events.ready).on("error", events.error);
  return {
    connect: () => client.connect(),
    send: (_key, args, buffers) => client.sendCommand(args, buffers ? { typeMapping: BUFFERS } : undefined),
    subscribe: (channels, heard, sharded) =>
      sharded ? client.sSubscribe([...channels], heard, true) : client.subscribe([...channels], heard, true),
    unsubscribe: (channels, heard, sharded) =>
      sharded
        ? client.sUnsubscribe([...channels], heard, true)
        : client.unsubscribe([...channels], heard, true),
    isReady: () => client.isReady,
    destroy: () => client.destroy(),
  };
}

type ClientOptions = NonNullable<Parameters<typeof createClient>[0]>;
type ClientSocket = NonNullable<ClientOptions["socket"]>;
type Common = Pick<
  ClientOptions,
  | "username"
  | "password"
  | "name"
  | "disableOfflineQueue"
  | "commandsQueueMaxLength"
  | "pingInterval"
  | "commandOptions"
>;
type SocketOptions = object;
/** As the library has it, which does not tell there that bytes come where bytes are asked for. */
type PlainListener = NonNullable<Parameters<ReturnType<typeof createCluster>["unsubscribe"]>[1]>;

function clusterClient(
  address: RedisAddress,
  options: Common,
  socket: SocketOptions,
  events: ClientEvents,
): Client {
  const cluster = createCluster({
    rootNodes: address.nodes.map((node) => ({ socket: { ...node } })),
    defaults: { ...options, socket },
  });
  cluster.on("node-ready", events.ready).on("node-error", events.error).on("error", events.error);
  return {
    connect: () => cluster.connect(),
    send: (key, args, buffers) =>
      cluster.sendCommand(key, false, [...args], buffers ? { typeMapping: BUFFERS } : undefined),
    // One command may only name channels of one slot.
    subscribe: (channels, heard, sharded) =>
      sharded
        ? Promise.all(channels.map((channel) => cluster.sSubscribe(channel, heard, true)))
        : cluster.subscribe([...channels], heard, true),
    unsubscribe: (channels, heard, sharded) =>
      sharded
        ? Promise.all(channels.map((channel) => cluster.sUnsubscribe(channel, heard, true)))
        : cluster.unsubscribe([...channels], heard as PlainListener, true),
    isReady: () => cluster.isReady && cluster.masters.every(({ client }) => client?.isReady === true),
    destroy: () => cluster.destroy(),
  };
}

function sentinelClient(
  address: RedisAddress,
  options: Common,
  socket: SocketOptions,
  events: ClientEvents,
): Client {
  const { sentinelPassword } = address;
  const sentinel = createSentinel({
    name: address.masterName,
    sentinelRootNodes: [...address.nodes],
    nodeClientOptions: { ...options, database: address.database, socket },
    sentinelClientOptions: { ...(sentinelPassword !== undefined && { password: sentinelPassword }), socket },
    // Else each command waits for the one before it.
    reserveClient: true,
    passthroughClientErrorEvents: true,
  });
  sentinel.on("ready", events.ready).on("topology-change", events.ready).on("error", events.error);
  return {
    connect: () => sentinel.connect(),
    send: (_key, args, buffers) =>
      sentinel.sendCommand(false, [...args], buffers ? { typeMapping: BUFFERS } : undefined),
    subscribe: async (channels, heard, sharded) =>
      sharded
        ? sentinel.sSubscribe([...channels], heard, true)
        : sentinel.subscribe([...channels], heard, true),
    unsubscribe: async (channels, heard, sharded) =>
      sharded
        ? sentinel.sUnsubscribe([...channels], heard, true)
        : sentinel.unsubscribe([...channels], heard as PlainListener, true),
    isReady: () => sentinel.isReady,
    destroy: () => void sentinel.destroy().catch(() => {}),
  };
}

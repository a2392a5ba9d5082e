import { io, type ManagerOptions, type Socket, type SocketOptions } from "socket.io-client";
import type { WebSocket } from "ws";
import type { ServerProcess } from "../support/server.ts";

export interface Told {
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: any shape may come
  readonly payload: any;
}

export interface Answered {
  readonly success: boolean;
  readonly error?: string;
  readonly code?: string;
  // biome-ignore lint/suspicious/noExplicitAny: any shape may come
  readonly data?: any;
}

/** The public client with everything it was told, in order. */
export interface TestSocket {
  readonly socket: Socket;
  readonly told: readonly Told[];
  /** Emits and waits for the acknowledgement; rejects where the connection is lost before. */
  ask(event: string, payload?: unknown): Promise<Answered>;
  /** The first of that name, from the `from`th thing told on, whether it came already or is yet to come. */
  until(event: string, from?: number): Promise<Told["payload"]>;
  // biome-ignore lint/suspicious/noExplicitAny: any shape may come
  all(event: string): any[];
  position(): string;
  /** As when a cable is pulled; over polling, as far as that can be from here: nothing more is asked or answered. */
  drop(): void;
  close(): void;
  [Symbol.dispose](): void;
}

const PATIENCE_MS = 15_000;

export type Options = Partial<ManagerOptions & SocketOptions>;

/** Resolves when it is connected; rejects with what `connect_error` says. */
export async function open(
  server: Pick<ServerProcess, "url">,
  user: string | null,
  options: Options = {},
): Promise<TestSocket> {
  const opened = begin(server, user, options);
  const { socket } = opened;
  await new Promise<void>((resolve, reject) => {
    const refused = (error: Error): void => {
      opened.close();
      reject(error);
    };
    socket.once("connect_error", refused);
    socket.once("connect", () => {
      socket.off("connect_error", refused);
      resolve();
    });
  });
  return opened;
}

/** The same without waiting. */
export function begin(
  server: Pick<ServerProcess, "url">,
  user: string | null,
  options: Options = {},
): TestSocket {
  const socket = io(server.url, {
    forceNew: true,
    reconnection: false,
    transports: ["websocket"],
    ...(user !== null && { query: { userId: user } }),
    ...options,
  });
  const told: Told[] = [];
  const watchers = new Set<() => void>();
  socket.onAny((event: string, payload: unknown) => {
    told.push({ event, payload });
    for (const watch of watchers) watch();
  });
  const close = (): void => void socket.disconnect();
  return {
    socket,
    told,
    ask: (event, payload) => socket.timeout(PATIENCE_MS).emitWithAck(event, payload) as Promise<Answered>,
    until: (event, from = 0) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          watchers.delete(watch);
          reject(new Error(`no ${event}; the last: ${JSON.stringify(told.slice(-5))}`));
        }, PATIENCE_MS);
        const watch = (): void => {
          const found = told.slice(from).find((one) => one.event === event);
          if (found === undefined) return;
          watchers.delete(watch);
          clearTimeout(timer);
          resolve(found.payload);
        };
        watchers.add(watch);
        watch();
      }),
    all: (event) => told.filter((one) => one.event === event).map((one) => one.payload),
    position: () =>
      told.findLast(({ payload }) => typeof payload?.position === "string")?.payload.position ?? "",
    drop() {
      const { transport } = socket.io.engine;
      const { ws } = transport as unknown as { ws?: WebSocket };
      if (ws === undefined) socket.io.engine.close();
      else ws.terminate();
    },
    close,
    [Symbol.dispose]: close,
  };
}

/** Makes or finds a conversation and resolves to its id. */
export async function conversationOf(
  server: Pick<ServerProcess, "request">,
  people: readonly string[],
  match?: string,
): Promise<string> {
  const body = { participant_ids: people, ...(match !== undefined && { request_match_id: match }) };
  const answer = await server.request("/messages", { body });
  if (!answer.body.success) throw new Error(answer.body.message);
  return answer.body.data.id;
}

/** Sends a message and resolves with what its acknowledgement says; throws where it is refused. */
export async function say(by: TestSocket, conversation: string, content: string, more: object = {}) {
  const answer = await by.ask("send_message", { conversation_id: conversation, content, ...more });
  if (!answer.success) throw new Error(`refused: ${JSON.stringify(answer)}`);
  return answer.data;
}

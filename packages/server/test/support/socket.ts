import { once } from "node:events";
import { WebSocket } from "ws";
import type { ServerProcess } from "./server.ts";

export interface Received {
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: any shape may come
  readonly payload: any;
  readonly id?: string | number;
}

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** A bare client of the websocket dialect that keeps every frame it gets. */
export interface TestClient {
  readonly socket: WebSocket;
  /** Every frame so far, in order. */
  readonly frames: readonly Received[];
  readonly closed: Promise<Closed>;
  /** The payload of `ready`. */
  // biome-ignore lint/suspicious/noExplicitAny: any shape may come
  readonly ready: any;
  send(event: string, payload?: unknown, id?: unknown): void;
  /** Sends a request and resolves with the frame that answers it, an `error` as well. */
  ask(event: string, payload?: unknown): Promise<Received>;
  /** The first frame from the `from`th on that matches, whether it came already or is yet to come. */
  until(match: (frame: Received) => boolean, what: string, from?: number): Promise<Received>;
  /** Payloads of all frames of one event. */
  // biome-ignore lint/suspicious/noExplicitAny: any shape may come
  all(event: string): any[];
  /** The last position it was given, in whatever frame. */
  position(): string;
  close(): Promise<Closed>;
  /** Without a close frame, as when a cable is pulled. */
  drop(): void;
}

export interface ConnectOptions {
  readonly user?: string;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: string;
  /** Resolve when the socket is open or closed; do not wait for `ready`. */
  readonly early?: boolean;
}

const PATIENCE_MS = 15_000;
let requests = 0;

/** Connects and waits for `ready`; rejects where the connection is closed instead. */
export async function connect(
  server: Pick<ServerProcess, "url">,
  options: ConnectOptions,
): Promise<TestClient> {
  const query = new URLSearchParams(options.query);
  if (options.user !== undefined) query.set("user_id", options.user);
  if (options.token !== undefined) query.set("token", options.token);
  const socket = new WebSocket(`${server.url.replace("http", "ws")}/ws?${query}`, {
    headers: options.headers,
  });
  const frames: Received[] = [];
  const watchers = new Set<() => void>();
  let position = "";
  let ended: Closed | null = null;
  const closed = new Promise<Closed>((resolve) => {
    socket.on("close", (code, reason) => {
      ended = { code, reason: reason.toString() };
      for (const watch of watchers) watch();
      resolve(ended);
    });
  });
  socket.on("message", (data) => {
    const frame = JSON.parse(String(data)) as Received;
    frames.push(frame);
    if (typeof frame.payload.position === "string") position = frame.payload.position;
    for (const watch of watchers) watch();
  });
  socket.on("error", () => {});

  const until: TestClient["until"] = (match, what, from = 0) =>
    new Promise((resolve, reject) => {
      let seen = from;
      const settle = (end: () => void): void => {
        watchers.delete(watch);
        clearTimeout(timer);
        end();
      };
      const watch = (): void => {
        for (; seen < frames.length; seen++) {
          const frame = frames[seen] as Received;
          if (match(frame)) {
            settle(() => resolve(frame));
            return;
          }
        }
        if (ended !== null) {
          const { code } = ended;
          settle(() => reject(new Error(`closed with ${code} while waiting for ${what}`)));
        }
      };
      const timer = setTimeout(() => {
        const last = JSON.stringify(frames.slice(-5));
        settle(() => reject(new Error(`no ${what} among ${frames.length} frames; the last: ${last}`)));
      }, PATIENCE_MS);
      watchers.add(watch);
      watch();
    });

  const client: TestClient = {
    socket,
    frames,
    closed,
    get ready() {
      return frames[0]?.payload;
    },
    send(event, payload = {}, id) {
      socket.send(JSON.stringify({ event, payload, id }));
    },
    ask(event, payload = {}) {
      const id = `q${++requests}`;
      client.send(event, payload, id);
      return until((frame) => frame.id === id, `answer to ${event}`);
    },
    until,
    all: (event) => frames.filter((frame) => frame.event === event).map((frame) => frame.payload),
    position: () => position,
    async close() {
      socket.close();
      return await closed;
    },
    drop: () => socket.terminate(),
  };
  if (options.early) await Promise.race([once(socket, "open"), closed]);
  else await until((frame) => frame.event === "ready", "ready");
  return client;
}

/** Opens a conversation as its first participant and resolves to its id. */
export async function openConversation(
  by: TestClient,
  participants: readonly string[],
  name?: string,
): Promise<string> {
  const { payload } = await by.ask("conversation.open", {
    participants,
    ...(name !== undefined && { name }),
  });
  return payload.conversation_id;
}

/** Sends a message and resolves with the payload of its ack; throws where it is refused. */
export async function say(by: TestClient, conversation: string, content: string, more: object = {}) {
  const answer = await by.ask("message.send", { conversation_id: conversation, content, ...more });
  if (answer.event !== "message.ack") throw new Error(`refused: ${JSON.stringify(answer.payload)}`);
  return answer.payload;
}

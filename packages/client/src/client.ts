import type { CloseCode } from "@parlance/protocol/close-codes.ts";
import type {
  ClientEventName,
  ClientPayload,
  RequestId,
  ServerEventName,
  ServerEvents,
} from "@parlance/protocol/websocket.ts";

export type { ServerEvents } from "@parlance/protocol/websocket.ts";

/** What a listener can be told: the server's events, and the connection's own. */
export interface Events extends ServerEvents {
  /** Live: what was missed while away has been told. */
  connected: { readonly position: string };
  /** The connection is lost. `retryMs` null: for good, because coming back would be refused again. */
  disconnected: { readonly code: number; readonly reason: string; readonly retryMs: number | null };
}

export interface ClientOptions {
  /** `ws://…/ws` or `wss://…/ws`. */
  readonly url: string;
  /** In open mode: who this is. */
  readonly user?: string;
  /** Asked before every connection, so that it may renew itself. */
  readonly token?: () => string | Promise<string>;
  /** `client.position` of an earlier run: everything since then is told first. */
  readonly position?: string;
  /** Milliseconds before the nth attempt to come back, from 1. By default up to 30 s, at random. */
  readonly retryDelay?: (attempt: number) => number;
}

/** Why a request has no answer: the server refused it, or the connection was lost (`code` "disconnected"). */
export class RequestError extends Error {
  readonly code: string;
  /** Seconds after which the same request may succeed. */
  readonly retryAfter: number | undefined;

  constructor(code: string, message: string, retryAfter?: number) {
    super(message);
    this.name = "RequestError";
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

interface Pending {
  readonly frame: string;
  /** Sent again after a lost connection: its key makes that safe. */
  readonly repeats: boolean;
  readonly resolve: (payload: unknown) => void;
  readonly reject: (error: RequestError) => void;
}

/** Requests without an answer; one more is refused. */
const MAX_PENDING = 1_000;

/** Request ids of our own begin at 1. */
const RESUME_ID = 0;

/**
 * Whether coming back makes sense after the server closed with this code; after any other it does. After 4001
 * it does once more where there is a new token to be had.
 */
const COMES_BACK: Readonly<Record<CloseCode, boolean>> = {
  1008: false,
  1009: false,
  1011: true,
  1012: true,
  4001: false,
  4008: true,
  4009: false,
  4029: true,
};

/** At random over the whole span, so that clients that lost the same server do not return together. */
const fullJitter = (attempt: number): number => Math.random() * Math.min(30_000, 500 * 2 ** attempt);

/** A connection to the websocket dialect that comes back by itself and resumes where it was. */
export class Client {
  readonly #options: ClientOptions;
  readonly #url: URL;
  readonly #listeners = new Map<string, Set<(payload: never) => void>>();
  readonly #pending = new Map<RequestId, Pending>();
  #socket: WebSocket | null = null;
  #live = false;
  #closed = false;
  #heard = true;
  #attempt = 0;
  #lastId = 0;
  #position: string | null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Begins to connect; listeners that are added in the same turn miss nothing. */
  constructor(options: ClientOptions) {
    this.#options = options;
    this.#url = new URL(options.url);
    if (options.user !== undefined) this.#url.searchParams.set("user_id", options.user);
    this.#position = options.position ?? null;
    void this.#connect();
  }

  /** Of all that was told so far. To be kept where the next run should go on from here. */
  get position(): string | null {
    return this.#position;
  }

  /** Returns what takes the listener away again. */
  on<N extends keyof Events>(event: N, listener: (payload: Events[N]) => void): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /**
   * Resolves once the message is stored. It may be called while the connection is away: under its key, which is
   * made here where none is given, the message is sent until it is answered, and stored once.
   */
  send(
    conversationId: string,
    content: string,
    more: Omit<Partial<ClientPayload<"message.send">>, "conversation_id" | "content"> = {},
  ): Promise<ServerEvents["message.ack"]> {
    const key = { message_id: crypto.randomUUID(), timestamp: Date.now() };
    const payload = { ...key, ...more, conversation_id: conversationId, content };
    return this.#request("message.send", payload, true) as Promise<ServerEvents["message.ack"]>;
  }

  /** Finds the direct conversation with these users, or makes one; more people, or a name, make a group. */
  open(participants: string[], name: string | null = null): Promise<ServerEvents["conversation.opened"]> {
    return this.request("conversation.open", { participants, name }) as Promise<
      ServerEvents["conversation.opened"]
    >;
  }

  /** Any other request that is answered. Rejects when the connection is lost first, or is not there. */
  request<N extends Exclude<ClientEventName, "typing" | "resume">>(
    event: N,
    payload: ClientPayload<N>,
  ): Promise<unknown> {
    return this.#request(event, payload, false);
  }

  /** Lost where there is no connection; ends by itself after a few seconds. */
  typing(conversationId: string, typing = true): void {
    const frame = { event: "typing", payload: { conversation_id: conversationId, typing } };
    if (this.#live) this.#socket?.send(JSON.stringify(frame));
  }

  /** For good: what was not answered is rejected. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.close(1000);
    this.#rejectPending(() => true);
  }

  #request(event: ClientEventName, payload: unknown, repeats: boolean): Promise<unknown> {
    if (this.#closed || (!repeats && !this.#live)) return Promise.reject(disconnected());
    if (this.#pending.size >= MAX_PENDING) {
      return Promise.reject(new RequestError("overloaded", "Too much waits for an answer", 1));
    }
    const id = ++this.#lastId;
    const frame = JSON.stringify({ event, id, payload });
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { frame, repeats, resolve, reject });
      if (this.#live) this.#socket?.send(frame);
    });
  }

  async #connect(): Promise<void> {
    const url = new URL(this.#url);
    try {
      // Also lets the caller add listeners first.
      const token = await this.#options.token?.();
      if (token !== undefined) url.searchParams.set("token", token);
    } catch {
      this.#lost(0, "no token");
      return;
    }
    if (this.#closed) return;
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      if (socket === this.#socket) this.#receive(socket, String(data));
    });
    socket.addEventListener("close", ({ code, reason }) => {
      if (socket === this.#socket) this.#lost(code, reason);
    });
  }

  #receive(socket: WebSocket, text: string): void {
    this.#heard = true;
    const { event, id, payload } = JSON.parse(text) as {
      event: ServerEventName;
      id?: RequestId;
      payload: ServerEvents[ServerEventName];
    };
    if (event === "ready") {
      const { position, heartbeat_seconds } = payload as ServerEvents["ready"];
      this.#watch(socket, heartbeat_seconds * 1_000);
      if (this.#position === null) this.#goLive(socket, position);
      else
        socket.send(
          JSON.stringify({ event: "resume", id: RESUME_ID, payload: { position: this.#position } }),
        );
    } else if (event === "resumed") {
      this.#goLive(socket, (payload as ServerEvents["resumed"]).position);
    } else if (event === "error" && id === RESUME_ID) {
      if ((payload as ServerEvents["error"]).code === "invalid") {
        this.#position = null;
        this.#emit("reset", { reason: "invalid_position" });
      }
      socket.close();
    } else if (event === "position" && this.#live) {
      // Before `resumed` it may stand for what is still being caught up with.
      this.#position = (payload as ServerEvents["position"]).position;
    }
    const pending = id === undefined ? undefined : this.#pending.get(id);
    if (pending !== undefined) {
      this.#pending.delete(id as RequestId);
      if (event !== "error") pending.resolve(payload);
      else {
        const { code, message, retry_after } = payload as ServerEvents["error"];
        pending.reject(new RequestError(code, message, retry_after));
      }
    }
    this.#emit(event, payload);
  }

  #goLive(socket: WebSocket, position: string): void {
    this.#live = true;
    this.#attempt = 0;
    this.#position = position;
    for (const { frame } of this.#pending.values()) socket.send(frame);
    this.#emit("connected", { position });
  }

  #lost(code: number, reason: string): void {
    const wasLive = this.#live;
    this.#socket = null;
    this.#live = false;
    clearTimeout(this.#timer);
    const renews = code === 4001 && wasLive && this.#options.token !== undefined;
    const comesBack = !this.#closed && (renews || (COMES_BACK[code as CloseCode] ?? true));
    if (!comesBack) this.#closed = true;
    this.#rejectPending((pending) => !comesBack || !pending.repeats);
    const retryMs = comesBack ? (this.#options.retryDelay ?? fullJitter)(++this.#attempt) : null;
    if (retryMs !== null) this.#timer = setTimeout(() => void this.#connect(), retryMs);
    this.#emit("disconnected", { code, reason, retryMs });
  }

  /** A network that has gone away says nothing: ask after one silent heartbeat, give up after two. */
  #watch(socket: WebSocket, heartbeatMs: number, asked = false): void {
    this.#heard = false;
    this.#timer = setTimeout(() => {
      if (this.#heard) this.#watch(socket, heartbeatMs);
      else if (asked) {
        this.#lost(1006, "silent");
        socket.close();
      } else {
        socket.send('{"event":"ping","payload":{}}');
        this.#watch(socket, heartbeatMs, true);
      }
    }, heartbeatMs);
  }

  #rejectPending(which: (pending: Pending) => boolean): void {
    for (const [id, pending] of this.#pending) {
      if (!which(pending)) continue;
      this.#pending.delete(id);
      pending.reject(disconnected());
    }
  }

  #emit<N extends keyof Events>(event: N, payload: Events[N]): void {
    for (const listener of this.#listeners.get(event) ?? []) listener(payload as never);
  }
}

const disconnected = (): RequestError => new RequestError("disconnected", "There is no connection");

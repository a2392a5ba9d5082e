import type { ServerEvents } from "@parlance/protocol/websocket.ts";
import { Apply } from "./apply.ts";
import { Clocks } from "./clocks.ts";
import { LiveConnection } from "./connection.ts";
import { Conversations } from "./conversations.ts";
import { Emitter } from "./emitter.ts";
import { asClientError, type ClientError } from "./errors.ts";
import type { ClientEvents } from "./events.ts";
import { Files } from "./files.ts";
import { History } from "./history.ts";
import { Messages } from "./messages.ts";
import type { ClientSnapshot, Connection, ConnectionStatus, Message, Topic, Topics } from "./model.ts";
import { Outbox, type QueuedMessage, storedOf } from "./outbox.ts";
import { People } from "./people.ts";
import { Rest } from "./rest.ts";
import { State } from "./state.ts";
import { type ClientStorage, memoryStorage } from "./storage-port.ts";
import { openModeToken, type TokenFunction, TokenSource } from "./token.ts";

export type { GroupOptions } from "./conversations.ts";
export { ClientError, type ClientErrorCode } from "./errors.ts";
export type { ClientEvents } from "./events.ts";
export type { FileVariant, UploadOptions } from "./files.ts";
export type { EarlierText, SendOptions } from "./messages.ts";
export type * from "./model.ts";
export { type ClientStorage, memoryStorage } from "./storage-port.ts";
export type { TokenFunction } from "./token.ts";

export interface ClientOptions {
  /** The server's, such as `https://chat.example.com`. */
  readonly url: string;
  /** Asked for a token before the first connection, and when one ends. Null: signed out. */
  readonly token?: TokenFunction;
  /** In open mode instead of a token: who this is, and what they are called. */
  readonly user?: string;
  readonly name?: string;
  /** Where queued messages are kept over a reload; in memory, which forgets, unless given. */
  readonly storage?: ClientStorage;
  /** Messages held of one conversation at most; 5,000. */
  readonly timelineLimit?: number;
  /** Milliseconds before the nth attempt to come back, from 1. */
  readonly retryDelay?: (attempt: number) => number;
  /** Milliseconds that the server may take to answer; 10,000. */
  readonly answerMs?: number;
}

/**
 * A connection to a server, and all that is known from it. `start` it, look at topics with `get`, be told of their
 * changes by `subscribe`, and of events by `on`.
 */
export class Client {
  readonly conversations: Conversations;
  readonly history: History;
  readonly messages: Messages;
  readonly people: People;
  readonly files: Files;
  readonly #options: ClientOptions;
  readonly #tokens: TokenSource;
  readonly #storage: ClientStorage;
  readonly #events = new Emitter<ClientEvents>();
  readonly #state: State;
  readonly #outbox: Outbox;
  readonly #clocks: Clocks;
  readonly #apply: Apply;
  readonly #connection: LiveConnection;
  #clockOffsetMs = 0;
  readonly #identified = Promise.withResolvers<void>();
  #storageFails = false;
  /** What is shown is of an earlier run. */
  #isStale = false;
  #restored: Promise<void> | null = null;

  constructor(options: ClientOptions) {
    this.#options = options;
    const url = options.url.replace(/\/+$/, "");
    const { token, user, storage = memoryStorage() } = options;
    if (token === undefined && user === undefined) throw new TypeError("Give a token or a user");
    this.#tokens = new TokenSource(token ?? openModeToken(url, user as string, options.name), () =>
      this.#identify(),
    );
    this.#storage = storage;
    const rest = new Rest(url, this.#tokens);
    const state = new State({
      timelineLimit: options.timelineLimit ?? 5_000,
      connection: () => this.#readConnection(),
      pending: (conversationId, parentId) => this.#outbox.of(conversationId, parentId),
    });
    this.#state = state;
    if (token === undefined) state.setMe({ userId: user as string, name: options.name ?? null });
    this.#identify();
    this.#clocks = new Clocks((conversationId, gap) => {
      this.#events.emit("gap", { conversationId, ...gap });
      this.#background(this.history.fill(conversationId, gap.afterSeq, gap.beforeSeq));
      this.conversations.want(conversationId);
    });
    this.#outbox = new Outbox({
      send: (message) => this.messages.deliver(message),
      changed: (conversationId) => state.touchPending(conversationId),
      stored: (shown, ack) => {
        const stored = storedOf(shown, ack);
        this.#apply.stored(stored);
        return stored;
      },
      failed: (message, error) => this.#events.emit("message.failed", { message, error }),
      keep: (message) =>
        void this.#keep(() => storage.set(this.#keyOf(message.key), JSON.stringify(message)), true),
      forget: (key) => void this.#keep(() => storage.delete(this.#keyOf(key))),
      me: () => state.me,
    });
    this.#apply = new Apply({
      state,
      outbox: this.#outbox,
      clocks: this.#clocks,
      events: this.#events,
      now: () => this.#now(),
      isLive: () => this.#connection.status === "live",
      needConversation: (id) => this.conversations.want(id),
      recount: (id) => this.conversations.want(id),
      startOver: () => this.#startOver(),
    });
    this.#connection = new LiveConnection({
      url: `${url.replace(/^http/, "ws")}/ws`,
      tokens: this.#tokens,
      ...(options.retryDelay !== undefined && { retryDelay: options.retryDelay }),
      ...(options.answerMs !== undefined && { answerMs: options.answerMs }),
      heard: (event, payload) => {
        if (event === "ready") this.#heardTime((payload as ServerEvents["ready"]).server_time);
        if (event === "message.ack") {
          const { duplicate, timestamp } = payload as ServerEvents["message.ack"];
          // A repeat says when it was first stored.
          if (!duplicate) this.#heardTime(timestamp);
        }
        this.#events.emit("frame", { event, payload });
        state.store.batch(() => this.#apply.frame(event, payload));
        if (event === "reset") this.#events.emit("reset", payload as { reason: string });
        // The last of those that were sent together.
        if (event === "position" || event === "resumed") state.store.flush();
      },
      entered: (status) => this.#entered(status),
      changed: () => {
        state.store.touch("connection");
        this.#events.emit("connection", this.get("connection"));
      },
    });
    const connection = this.#connection;
    this.history = new History({ state, rest, outbox: this.#outbox });
    this.messages = new Messages({
      state,
      rest,
      connection,
      outbox: this.#outbox,
      now: () => this.#now(),
      identified: () => this.#tokens.get(),
    });
    this.conversations = new Conversations({
      state,
      rest,
      connection,
      apply: this.#apply,
      needPresence: (userIds) => this.#background(this.people.presence(userIds)),
      problem: (error) => this.#problem(error),
    });
    this.people = new People({ state, rest, connection });
    this.files = new Files({ url, tokens: this.#tokens, rest, now: () => this.#now() });
  }

  /** Connects, and comes back by itself whenever the connection is lost. Again: at once, where it waits to try. */
  start(): void {
    globalThis.addEventListener?.("online", this.#wake);
    globalThis.document?.addEventListener("visibilitychange", this.#wake);
    globalThis.addEventListener?.("offline", this.#offline);
    this.#restored ??= this.#restore();
    this.#connection.happen("start");
  }

  /** Disconnects. Messages that are queued stay so, and go out after the next `start`. */
  stop(): void {
    globalThis.removeEventListener?.("online", this.#wake);
    globalThis.document?.removeEventListener("visibilitychange", this.#wake);
    globalThis.removeEventListener?.("offline", this.#offline);
    this.#connection.happen("stop");
  }

  /** What is known now. The same object for as long as nothing of it changes. */
  get<T extends Topic>(topic: T): Topics[T] {
    return this.#state.store.get(topic);
  }

  /** Shows what an earlier run has shown, until there is a connection: see `keepState`. To be called before `start`. */
  restore(snapshot: ClientSnapshot): void {
    const { me } = this.#state;
    if (me !== null && me.userId !== snapshot.me.userId) return;
    this.#state.restore(snapshot);
    this.#identify();
    this.#isStale = true;
  }

  /** A message that is in memory: in a timeline or thread, the last of a conversation, or one's own under way. */
  message(conversationId: string, id: string): Message | null {
    return this.#state.message(conversationId, id) ?? this.#outbox.get(id);
  }

  /** Tells when a topic has changed. Returns what takes the listener away again. */
  subscribe(topic: Topic, listener: () => void): () => void {
    return this.#state.store.subscribe(topic, listener);
  }

  /** Returns what takes the listener away again. */
  on<N extends keyof ClientEvents>(event: N, listener: (payload: ClientEvents[N]) => void): () => void {
    return this.#events.on(event, listener);
  }

  readonly #wake = (): void => {
    if (globalThis.document?.visibilityState !== "hidden") this.#connection.wake();
  };
  readonly #offline = (): void => this.#connection.happen("offline");

  #entered(status: ConnectionStatus): void {
    if (status !== "live") {
      this.#outbox.live(false);
      this.#state.forgetTyping();
      return;
    }
    this.#outbox.live(true);
    this.conversations.live();
    if (this.#isStale) this.#startOver();
    else this.#background(this.conversations.loadInbox());
    this.history.retryFailed();
    this.#background(this.people.loadPresence());
    this.#background(this.people.loadMe());
  }

  /** Who one is, from the token. */
  #identify(): void {
    const { user } = this.#tokens;
    if (user !== null && this.#state.me?.userId !== user.userId) this.#state.setMe(user);
    if (this.#state.me !== null) this.#identified.resolve();
  }

  /** What an earlier run has not sent. */
  async #restore(): Promise<void> {
    let kept: readonly string[] = [];
    try {
      await this.#identified.promise;
      kept = await this.#storage.list(this.#keyOf(""));
    } catch (error) {
      this.#cannotKeep(error);
    }
    this.#outbox.restore(kept.map((text) => JSON.parse(text) as QueuedMessage));
  }

  async #keep(work: () => Promise<void> | void, isProof = false): Promise<void> {
    try {
      await work();
      if (isProof) this.#storageFails = false;
    } catch (error) {
      this.#cannotKeep(error);
    }
  }

  #cannotKeep(error: unknown): void {
    if (this.#storageFails) return;
    this.#storageFails = true;
    this.#events.emit("storage", { error });
  }

  #keyOf(key: string): string {
    return `parlance:${this.#options.url}:${this.#state.userId}:outbox:${key}`;
  }

  #startOver(): void {
    this.#isStale = false;
    this.#clocks.clear();
    this.history.reload();
    this.#background(this.conversations.startOver());
  }

  #heardTime(now: number): void {
    this.#clockOffsetMs = now - Date.now();
  }

  #now(): number {
    return Date.now() + this.#clockOffsetMs;
  }

  #readConnection(): Connection {
    const { status, retryAt, reason } = this.#connection;
    return { status, retryAt, reason, clockOffsetMs: this.#clockOffsetMs, queued: this.#outbox.queued };
  }

  #background(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#problem(asClientError(error)));
  }

  #problem(error: ClientError): void {
    this.#events.emit("problem", { error });
  }
}

export function createClient(options: ClientOptions): Client {
  return new Client(options);
}

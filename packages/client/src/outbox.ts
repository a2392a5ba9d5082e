import type { ServerEvents } from "@parlance/protocol/websocket.ts";
import { backoff } from "./backoff.ts";
import { asClientError, ClientError, isPassing } from "./errors.ts";
import type { Attachment, Message, ParentPreview } from "./model.ts";
import { BARE } from "./wire.ts";

/** Messages that may wait at once. */
const MAX_QUEUED = 1_000;
/** Of different conversations, at once: who comes back with many must not flood the server. */
const MAX_UNDER_WAY = 8;

export type Ack = ServerEvents["message.ack"];

/** A message on its way, as it is kept over a reload. */
export interface QueuedMessage {
  readonly key: string;
  readonly conversationId: string;
  readonly senderId: string;
  readonly content: string;
  readonly type: Message["type"];
  readonly parentId: string | null;
  readonly parent: ParentPreview | null;
  readonly metadata: Message["metadata"];
  readonly attachments: readonly Attachment[];
  readonly createdAt: number;
  /** Rises with each that is queued: what goes out first. */
  readonly order: number;
  readonly error: Message["error"];
}

export interface OutboxParts {
  readonly send: (message: QueuedMessage) => Promise<Ack>;
  /** The messages of a conversation that are shown as under way have changed. */
  readonly changed: (conversationId: string) => void;
  /** It is stored. Returns what it has become, which is to be shown instead. */
  readonly stored: (shown: Message, ack: Ack) => Message;
  readonly failed: (message: Message, error: ClientError) => void;
  readonly keep: (message: QueuedMessage) => void;
  readonly forget: (key: string) => void;
  readonly me: () => { readonly name: string | null; readonly avatarUrl: string | null } | null;
}

interface Entry {
  message: QueuedMessage;
  attempts: number;
  readonly settled: PromiseWithResolvers<Message>;
}

/** Messages that are not stored yet: of each conversation one goes out at a time, in order. */
export class Outbox {
  readonly #parts: OutboxParts;
  /** In the order in which they were queued. */
  readonly #entries = new Map<string, Entry>();
  /** Conversations of which a message is under way, or waits for its next attempt. */
  readonly #busy = new Set<string>();
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  #underWay = 0;
  #isLive = false;
  #isRestored = false;
  #order = 0;

  constructor(parts: OutboxParts) {
    this.#parts = parts;
  }

  /** How many wait that have not failed. */
  get queued(): number {
    let count = 0;
    for (const { message } of this.#entries.values()) if (message.error === null) count++;
    return count;
  }

  /** Resolves when it is stored; rejects when it is discarded. */
  add(message: Omit<QueuedMessage, "order" | "error">): Promise<Message> {
    const known = this.#entries.get(message.key);
    if (known !== undefined) return known.settled.promise;
    if (this.#entries.size >= MAX_QUEUED) {
      return Promise.reject(new ClientError("full", "Too many messages wait"));
    }
    const queued = { ...message, order: this.#nextOrder(), error: null };
    const entry = this.#put(queued);
    this.#parts.keep(queued);
    this.#changed(message.conversationId);
    this.#pump();
    return entry.settled.promise;
  }

  /** What an earlier run has left goes before all else. Nothing is sent until this was called. */
  restore(messages: readonly QueuedMessage[]): void {
    const later = new Map(this.#entries);
    this.#entries.clear();
    for (const message of messages.toSorted((a, b) => a.order - b.order)) {
      if (later.has(message.key)) continue;
      this.#order = Math.max(this.#order, message.order);
      this.#put(message);
      this.#changed(message.conversationId);
    }
    for (const [key, entry] of later) {
      // Clocks go back, and a run may begin in the millisecond in which the one before has ended.
      entry.message = { ...entry.message, order: this.#nextOrder() };
      this.#parts.keep(entry.message);
      this.#entries.set(key, entry);
    }
    this.#isRestored = true;
    this.live(this.#isLive);
  }

  /** A failed one is sent again. */
  retry(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.message.error === null) return;
    const isTaken = entry.message.error.code === "key_reused";
    const message = { ...entry.message, order: this.#nextOrder(), error: null };
    this.#entries.delete(key);
    if (isTaken) this.#parts.forget(key);
    const queued = isTaken ? { ...message, key: crypto.randomUUID() } : message;
    this.#entries.set(queued.key, { ...entry, message: queued, attempts: 0 });
    this.#parts.keep(queued);
    this.#changed(queued.conversationId);
    this.#pump();
  }

  /** It is not to be sent any more. One that is under way may be stored all the same, and then is told. */
  discard(key: string): void {
    const entry = this.#remove(key);
    entry?.settled.reject(new ClientError("discarded", "Discarded"));
  }

  /** There is a connection, or no longer one. */
  live(isLive: boolean): void {
    this.#isLive = isLive;
    if (!isLive) return;
    for (const [conversationId, timer] of this.#timers) {
      clearTimeout(timer);
      this.#timers.delete(conversationId);
      this.#busy.delete(conversationId);
    }
    this.#pump();
  }

  /** The message itself was told or read: it is stored, whatever becomes of its answer. */
  seen(message: Message): void {
    this.#remove(message.key)?.settled.resolve(message);
  }

  get(key: string): Message | null {
    const entry = this.#entries.get(key);
    return entry === undefined ? null : this.#shown(entry.message);
  }

  /** Those of a conversation, or of a thread in it, as they are shown. */
  of(conversationId: string, parentId: string | null): readonly Message[] {
    const shown: Message[] = [];
    for (const { message } of this.#entries.values()) {
      const isIn =
        message.conversationId === conversationId && (parentId === null || message.parentId === parentId);
      if (isIn) shown.push(this.#shown(message));
    }
    return shown;
  }

  /** Of each conversation that has none under way the first is sent, as long as not too many are. */
  #pump(): void {
    if (!this.#isLive || !this.#isRestored) return;
    for (const entry of this.#entries.values()) {
      if (this.#underWay >= MAX_UNDER_WAY) return;
      const { conversationId, error } = entry.message;
      if (error !== null || this.#busy.has(conversationId)) continue;
      this.#busy.add(conversationId);
      this.#underWay++;
      void this.#send(entry).finally(() => {
        this.#underWay--;
        this.#pump();
      });
    }
  }

  async #send(entry: Entry): Promise<void> {
    const { message } = entry;
    const { key, conversationId } = message;
    entry.attempts++;
    try {
      const ack = await this.#parts.send(message);
      if (this.#remove(key) !== undefined)
        entry.settled.resolve(this.#parts.stored(this.#shown(message), ack));
    } catch (thrown) {
      const error = asClientError(thrown);
      if (isPassing(error) && this.#entries.has(key)) {
        this.#later(conversationId, entry, error);
        return;
      }
      this.#fail(entry, error);
    }
    this.#busy.delete(conversationId);
  }

  #later(conversationId: string, entry: Entry, { code, retryAfter }: ClientError): void {
    if (code === "disconnected") {
      this.#busy.delete(conversationId);
      return;
    }
    const waitMs = retryAfter === undefined ? backoff(entry.attempts) : retryAfter * 1_000;
    const timer = setTimeout(() => {
      this.#timers.delete(conversationId);
      this.#busy.delete(conversationId);
      this.#pump();
    }, waitMs);
    this.#timers.set(conversationId, timer);
  }

  #fail(entry: Entry, error: ClientError): void {
    if (this.#entries.get(entry.message.key) !== entry) return;
    entry.message = { ...entry.message, error: { code: error.code, message: error.message } };
    this.#parts.keep(entry.message);
    this.#changed(entry.message.conversationId);
    this.#parts.failed(this.#shown(entry.message), error);
  }

  #put(message: QueuedMessage): Entry {
    const entry = { message, attempts: 0, settled: Promise.withResolvers<Message>() };
    // Who does not wait for it sees it in the timeline.
    entry.settled.promise.catch(() => {});
    this.#entries.set(message.key, entry);
    return entry;
  }

  #remove(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#parts.forget(key);
    this.#changed(entry.message.conversationId);
    return entry;
  }

  #changed(conversationId: string): void {
    this.#parts.changed(conversationId);
  }

  /** Later runs and other tabs queue behind. */
  #nextOrder(): number {
    this.#order = Math.max(this.#order + 1, Date.now());
    return this.#order;
  }

  #shown(message: QueuedMessage): Message {
    const { order: _, error, ...known } = message;
    const me = this.#parts.me();
    return {
      ...known,
      ...BARE,
      seq: Number.POSITIVE_INFINITY,
      rev: 0,
      id: message.key,
      state: error === null ? "sending" : "failed",
      error,
      senderName: me?.name ?? null,
      senderAvatarUrl: me?.avatarUrl ?? null,
    };
  }
}

/** What a message of one's own is once the server has acknowledged it. */
export function storedOf(shown: Message, ack: Ack): Message {
  return {
    ...shown,
    state: "stored",
    error: null,
    id: ack.id,
    seq: ack.seq,
    rev: ack.seq,
    createdAt: ack.timestamp,
  };
}

import type { LiveConnection } from "./connection.ts";
import { ClientError, isPassing } from "./errors.ts";
import type { Attachment, Message, Page, User } from "./model.ts";
import type { Ack, Outbox, QueuedMessage } from "./outbox.ts";
import { type Rest, segment } from "./rest.ts";
import type { RestMessage, RestPage, RestUser } from "./rest-shapes.ts";
import type { State } from "./state.ts";
import type { Stretch } from "./timeline.ts";
import { messageOfRest } from "./wire.ts";

const PAGE = 50;
const THREAD_PAGE = 200;

export interface SendOptions {
  readonly content?: string;
  /** The message, or its id, that this one answers. */
  readonly replyTo?: Message | string | null;
  /** Uploaded before: see `files.upload`. */
  readonly attachments?: readonly Attachment[];
  /** An object of the application's own, up to 8 KB. */
  readonly metadata?: Readonly<Record<string, unknown>> | null;
  readonly type?: "text" | "image" | "file" | "location";
  /** Made here where none is given: the same key is stored once. */
  readonly key?: string;
}

export interface EarlierText {
  readonly content: string;
  readonly replacedAt: number;
}

type Somebody = Pick<User, "userId" | "name">;
type RestSomebody = Pick<RestUser, "userId" | "userName">;
const somebody = ({ userId, userName }: RestSomebody): Somebody => ({
  userId: String(userId),
  name: userName,
});

interface HistoryAnswer {
  readonly data: readonly RestMessage[];
  readonly hasOlder: boolean;
  readonly hasNewer: boolean;
}

export interface MessagesParts {
  readonly state: State;
  readonly rest: Rest;
  readonly connection: LiveConnection;
  readonly outbox: Outbox;
  /** The server's time. */
  readonly now: () => number;
  /** Resolves when it is known who one is. */
  readonly identified: () => Promise<unknown>;
}

/** Reading, sending and changing messages. What is read shows up in `timeline:<id>` and `thread:<id>`. */
export class Messages {
  readonly #parts: MessagesParts;

  constructor(parts: MessagesParts) {
    this.#parts = parts;
  }

  readonly #ofRest = (message: RestMessage): Message => messageOfRest(message, this.#parts.state.userId);

  /** Loads the newest page, unless the live end is there already; so it leads back from wherever a jump has led. */
  async open(conversationId: string): Promise<void> {
    const stretch = this.#parts.state.stretch(conversationId);
    if (stretch.status === "ready" && !stretch.hasNewer) return;
    await this.#replace(stretch, {});
  }

  /** Loads what was around a message, unless it is there. */
  async jump(conversationId: string, messageId: string): Promise<void> {
    const stretch = this.#parts.state.stretch(conversationId);
    await stretch.underWay?.catch(() => {});
    if (stretch.status === "ready" && stretch.get(messageId) !== undefined) return;
    await this.#replace(stretch, { around: messageId });
  }

  /** The page before what is there. */
  async loadOlder(conversationId: string): Promise<void> {
    const stretch = this.#parts.state.stretch(conversationId);
    const { first } = stretch;
    if (stretch.status !== "ready" || !stretch.hasOlder || first === undefined) return;
    await this.#extend(stretch, "older", async () => {
      const { messages, hasOlder } = await this.#history(conversationId, { before: first.id });
      stretch.addOlder(messages, hasOlder);
    });
  }

  /** After a jump: the page behind what is there. */
  async loadNewer(conversationId: string): Promise<void> {
    const stretch = this.#parts.state.stretch(conversationId);
    const { last } = stretch;
    if (stretch.status !== "ready" || !stretch.hasNewer || last === undefined) return;
    await this.#extend(stretch, "newer", async () => {
      const { messages, hasNewer } = await this.#history(conversationId, { after: last.id });
      stretch.addNewer(messages, hasNewer);
    });
  }

  /** Loads the replies to a message into `thread:<id>`. */
  async openThread(conversationId: string, rootId: string): Promise<void> {
    const { state, rest } = this.#parts;
    const stretch = state.stretch(conversationId, rootId);
    if (stretch.status === "ready") return;
    stretch.root ??= state.message(conversationId, rootId);
    await this.#load(stretch, async () => {
      const replies: Message[] = [];
      let cursor: string | null = null;
      do {
        const page: RestPage<RestMessage> = await rest.get(`/messages/${segment(rootId)}/thread`, {
          cursor,
          limit: THREAD_PAGE,
        });
        replies.push(...page.items.map(this.#ofRest));
        cursor = page.nextCursor;
      } while (cursor !== null);
      if (stretch.root === null) {
        const { messages } = await this.#history(conversationId, { around: rootId, limit: 1 });
        stretch.root = messages.find(({ id }) => id === rootId) ?? null;
      }
      stretch.replace(replies, { hasOlder: false, hasNewer: false });
    });
  }

  /**
   * Shows the message at once, sends it now or when there is a connection, and resolves when it is stored. It rejects
   * where it is discarded; refusals show in its `state`, and nothing need wait for this.
   */
  async send(conversationId: string, message: string | SendOptions): Promise<Message> {
    const { state, outbox, now, identified } = this.#parts;
    const options = typeof message === "string" ? { content: message } : message;
    const { content = "", attachments = [], metadata = null, key = crypto.randomUUID() } = options;
    if (content.trim() === "" && attachments.length === 0) {
      throw new ClientError("invalid", "The message is empty");
    }
    if (state.me === null) await identified();
    const parent = this.#parentOf(conversationId, options.replyTo ?? null);
    return await outbox.add({
      key,
      conversationId,
      senderId: state.userId,
      content,
      type: options.type ?? typeOf(attachments),
      parentId: parent?.id ?? null,
      parent: parent?.preview ?? null,
      metadata,
      attachments,
      createdAt: now(),
    });
  }

  /** Sends a failed message again. */
  retry(key: string): void {
    this.#parts.outbox.retry(key);
  }

  /** Takes back a message that is not stored yet. */
  discard(key: string): void {
    this.#parts.outbox.discard(key);
  }

  async edit(message: Message, content: string): Promise<void> {
    await this.#change("PUT", message, "", { content });
  }

  /** For everybody; a tombstone stays. */
  async remove(message: Message): Promise<void> {
    await this.#change("DELETE", message);
  }

  /** For everybody; in a group owners and admins do. */
  async pin(message: Message, isPinned = true): Promise<void> {
    await this.#change(isPinned ? "POST" : "DELETE", message, "/pin");
  }

  /** Adds one's reaction, or takes it away: by itself whichever it is not. Shown at once. */
  async react(message: Message, emoji: string, isAdded?: boolean): Promise<void> {
    const { state, rest } = this.#parts;
    const { conversationId } = message;
    const id = storedId(message);
    const known = state.message(conversationId, id) ?? message;
    const add = isAdded ?? !known.ownReactions.includes(emoji);
    state.patchMessage(conversationId, id, (shown) => withReaction(shown, emoji, add));
    const path = `/messages/${id}/reactions`;
    try {
      const { summary, emoji: kept } = add
        ? await rest.post<{ summary: Message["reactions"]; emoji: string }>(path, { body: { emoji } })
        : await rest.delete<{ summary: Message["reactions"]; emoji: string }>(`${path}/${segment(emoji)}`);
      state.patchMessage(conversationId, id, (shown) => {
        const own = shown.ownReactions.filter((one) => one !== emoji && one !== kept);
        return { ...shown, reactions: summary, ownReactions: add ? [...own, kept] : own };
      });
    } catch (error) {
      state.patchMessage(conversationId, id, (shown) => withReaction(shown, emoji, !add));
      throw error;
    }
  }

  /** In one conversation, or in all of one's own; newest first. */
  async search(
    query: string,
    options: { readonly conversationId?: string; readonly cursor?: string; readonly limit?: number } = {},
  ): Promise<Page<Message>> {
    const { conversationId, cursor, limit } = options;
    const path =
      conversationId === undefined ? "/search" : `/conversations/${conversationId}/messages/search`;
    return await this.#parts.rest.page(path, { query, cursor, limit }, this.#ofRest);
  }

  /** What is pinned in a conversation, last pinned first. */
  async pins(conversationId: string): Promise<readonly Message[]> {
    return (await this.#parts.rest.page(`/conversations/${conversationId}/pins`, {}, this.#ofRest)).items;
  }

  /** Messages with files, newest first. */
  async withFiles(conversationId: string, cursor?: string): Promise<Page<Message>> {
    return await this.#parts.rest.page(
      `/conversations/${conversationId}/attachments`,
      { cursor },
      this.#ofRest,
    );
  }

  /** The texts it had before its edits, oldest first. */
  edits(message: Message, cursor?: string): Promise<Page<EarlierText>> {
    return this.#parts.rest.page(
      `/messages/${message.id}/history`,
      { cursor },
      ({ content, replacedAt }: { content: string; replacedAt: string }) => ({
        content,
        replacedAt: Date.parse(replacedAt),
      }),
    );
  }

  /** Who reacted with what, the earliest first. */
  reactions(message: Message, cursor?: string): Promise<Page<Somebody & { readonly emoji: string }>> {
    return this.#parts.rest.page(
      `/messages/${message.id}/reactions`,
      { cursor },
      ({ emoji, ...who }: RestSomebody & { emoji: string }) => ({ ...somebody(who), emoji }),
    );
  }

  /** Who has read it and when, without its sender. */
  readers(message: Message, cursor?: string): Promise<Page<Somebody & { readonly readAt: number }>> {
    return this.#parts.rest.page(
      `/messages/${message.id}/read-receipts`,
      { cursor },
      ({ readAt, ...who }: RestSomebody & { readAt: string }) => ({
        ...somebody(who),
        readAt: Date.parse(readAt),
      }),
    );
  }

  /** What a queued message goes out as. */
  async deliver(message: QueuedMessage): Promise<Ack> {
    const { connection } = this.#parts;
    const { type, attachments, parentId, metadata } = message;
    return await connection.request("message.send", {
      conversation_id: message.conversationId,
      message_id: message.key,
      content: message.content,
      timestamp: message.createdAt,
      ...(type !== "text" && type !== "system" && { message_type: type }),
      ...(parentId !== null && { parent_id: parentId }),
      ...(metadata !== null && { metadata }),
      ...(attachments.length > 0 && { attachment_ids: attachments.map(({ id }) => id) }),
    });
  }

  /** The messages in a hole, from the history. */
  async fill(conversationId: string, afterSeq: number, beforeSeq: number): Promise<void> {
    const { state } = this.#parts;
    const stretch = state.stretch(conversationId);
    const before = stretch.stored.findLast(({ seq }) => seq <= afterSeq);
    if (stretch.status !== "ready" || stretch.hasNewer || before === undefined) return;
    const gap = { afterSeq, beforeSeq };
    stretch.gaps = [...stretch.gaps, gap];
    state.touchStretch(stretch);
    try {
      for (let after: Message | undefined = before; after !== undefined && after.seq < beforeSeq; ) {
        const { messages, hasNewer } = await this.#history(conversationId, { after: after.id });
        for (const message of messages) state.putMessage(message);
        after = hasNewer ? messages.at(-1) : undefined;
      }
      stretch.gaps = stretch.gaps.filter((one) => one !== gap);
    } finally {
      state.touchStretch(stretch);
    }
  }

  /** Everything that is looked at is loaded anew; what is not is forgotten. */
  reload(): void {
    for (const stretch of [...this.#parts.state.stretches()]) this.#again(stretch);
  }

  /** What could not be loaded while there was no connection. */
  retryFailed(): void {
    for (const stretch of [...this.#parts.state.stretches()]) {
      if (stretch.status === "failed" && isPassing(stretch.error)) this.#again(stretch);
    }
  }

  #again(stretch: Stretch): void {
    const { store } = this.#parts.state;
    const { conversationId, rootId } = stretch;
    stretch.status = "empty";
    if (!store.isWatched(rootId === null ? `timeline:${conversationId}` : `thread:${rootId}`)) return;
    const loading = rootId === null ? this.#replace(stretch, {}) : this.openThread(conversationId, rootId);
    // The stretch says that it failed.
    loading.catch(() => {});
  }

  /** The answer is told by the socket as well, and perhaps before. */
  async #change(method: string, message: Message, path = "", body?: unknown): Promise<void> {
    const { state, rest } = this.#parts;
    const changed = this.#ofRest(
      await rest.request<RestMessage>(
        method,
        `/messages/${storedId(message)}${path}`,
        body === undefined ? {} : { body },
      ),
    );
    const { ownReactions = [] } = state.message(changed.conversationId, changed.id) ?? {};
    state.putMessage({ ...changed, ownReactions });
  }

  async #replace(stretch: Stretch, place: { readonly around?: string }): Promise<void> {
    await this.#load(stretch, async () => {
      const turn = ++stretch.turn;
      const { messages, ...more } = await this.#history(stretch.conversationId, place);
      if (stretch.turn === turn) stretch.replace(messages, more);
    });
  }

  #load(stretch: Stretch, load: () => Promise<void>): Promise<void> {
    if (stretch.status === "loading" && stretch.underWay !== null) return stretch.underWay;
    Object.assign(stretch, { status: "loading", error: null });
    return this.#work(stretch, load, ({ code, message }) => {
      Object.assign(stretch, { status: "failed", error: { code, message } });
    });
  }

  /** One page at a time: who asks meanwhile waits for the one that is on its way. */
  #extend(stretch: Stretch, direction: "older" | "newer", load: () => Promise<void>): Promise<void> {
    if (stretch.underWay !== null) return stretch.underWay;
    stretch.loading = direction;
    return this.#work(stretch, load, () => {});
  }

  #work(stretch: Stretch, load: () => Promise<void>, failed: (error: ClientError) => void): Promise<void> {
    const { state } = this.#parts;
    state.touchStretch(stretch);
    const work = load()
      .catch((error: ClientError) => {
        failed(error);
        throw error;
      })
      .finally(() => {
        stretch.loading = null;
        if (stretch.underWay === work) stretch.underWay = null;
        state.touchStretch(stretch);
      });
    stretch.underWay = work;
    return work;
  }

  async #history(
    conversationId: string,
    query: {
      readonly before?: string;
      readonly after?: string;
      readonly around?: string;
      readonly limit?: number;
    },
  ) {
    const { rest, outbox } = this.#parts;
    const path = `/conversations/${conversationId}/messages`;
    const answer = await rest.whole("GET", path, { query: { limit: PAGE, ...query } });
    const { data, hasOlder, hasNewer } = answer as HistoryAnswer;
    const messages = data.map(this.#ofRest);
    for (const message of messages) outbox.seen(message);
    return { messages, hasOlder, hasNewer };
  }

  #parentOf(conversationId: string, replyTo: Message | string | null) {
    if (replyTo === null) return null;
    const { state, outbox } = this.#parts;
    const message =
      typeof replyTo === "string" ? (state.message(conversationId, replyTo) ?? outbox.get(replyTo)) : replyTo;
    if (message === null) return { id: replyTo as string, preview: null };
    const { id, type, senderId, senderName, content, deletedAt } = message;
    const preview = { id, type, senderId, senderName, content, isDeleted: deletedAt !== null };
    return { id, preview };
  }
}

function storedId({ id, state }: Message): string {
  if (state === "stored") return id;
  throw new ClientError("conflict", "The message is not stored yet");
}

function typeOf(attachments: readonly Attachment[]): Message["type"] {
  if (attachments.length === 0) return "text";
  return attachments.every(({ contentType }) => contentType.startsWith("image/")) ? "image" : "file";
}

function withReaction(message: Message, emoji: string, isAdded: boolean): Message {
  if (message.ownReactions.includes(emoji) === isAdded) return message;
  const count = (message.reactions[emoji] ?? 0) + (isAdded ? 1 : -1);
  const { [emoji]: _, ...others } = message.reactions;
  return {
    ...message,
    reactions: count > 0 ? { ...message.reactions, [emoji]: count } : others,
    ownReactions: isAdded
      ? [...message.ownReactions, emoji]
      : message.ownReactions.filter((known) => known !== emoji),
  };
}

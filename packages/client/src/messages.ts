import type { LiveConnection } from "./connection.ts";
import { ClientError } from "./errors.ts";
import type { Attachment, Message, Page, User } from "./model.ts";
import type { Ack, Outbox, QueuedMessage } from "./outbox.ts";
import { type Rest, segment } from "./rest.ts";
import type { RestMessage, RestUser } from "./rest-shapes.ts";
import type { State } from "./state.ts";
import { messageOfRest } from "./wire.ts";

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

/** Sending, changing and finding messages. */
export class Messages {
  readonly #parts: MessagesParts;

  constructor(parts: MessagesParts) {
    this.#parts = parts;
  }

  readonly #ofRest = (message: RestMessage): Message => messageOfRest(message, this.#parts.state.userId);

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

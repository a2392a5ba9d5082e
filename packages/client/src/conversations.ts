import type { Apply } from "./apply.ts";
import type { LiveConnection } from "./connection.ts";
import { asClientError, type ClientError } from "./errors.ts";
import type {
  Conversation,
  ConversationSettings,
  NotificationLevel,
  Page,
  Participant,
  Role,
} from "./model.ts";
import { type Rest, segment } from "./rest.ts";
import type { RestConversation, RestPage } from "./rest-shapes.ts";
import type { State } from "./state.ts";
import { conversationOfRest, participantOfRest } from "./wire.ts";

const INBOX_PAGE = 50;
/** Counts that may change together are asked for together. */
const RELOAD_MS = 200;
/** One is typing for so long after the last key. */
const TYPING_ENDS_MS = 4_000;
/** The server lets it end after some five seconds: it is said again before. */
const TYPING_AGAIN_MS = 2_500;

export interface GroupOptions extends Partial<ConversationSettings> {
  readonly name?: string | null;
  readonly description?: string | null;
  readonly avatarUrl?: string | null;
}

export interface ConversationsParts {
  readonly state: State;
  readonly rest: Rest;
  readonly connection: LiveConnection;
  readonly apply: Apply;
  /** It is not known whether these are here, and told only when that changes. */
  readonly needPresence: (userIds: readonly string[]) => void;
  readonly problem: (error: ClientError) => void;
}

/** The inbox, and everything that is done to conversations. What comes of it shows up in the topics. */
export class Conversations {
  readonly #parts: ConversationsParts;
  #cursor: string | null = null;
  #archivedCursor: string | null | undefined;
  #loading: Promise<void> | null = null;
  readonly #wanted = new Set<string>();
  #reloadTimer: ReturnType<typeof setTimeout> | undefined;
  /** Up to which message each was read, where the server has not been told yet. */
  readonly #reads = new Map<string, string | null>();
  readonly #reading = new Set<string>();
  readonly #typing = new Map<string, { saidAt: number; ends: ReturnType<typeof setTimeout> }>();

  constructor(parts: ConversationsParts) {
    this.#parts = parts;
  }

  /** Loads the first page of the inbox, unless it is there. The client does so by itself when it is started. */
  async loadInbox(): Promise<void> {
    if (this.#parts.state.store.get("inbox").status === "ready") return;
    await (this.#loading ?? this.#load(this.#loadFirst()));
  }

  /** The next page of the inbox. */
  async loadMore(): Promise<void> {
    const { state } = this.#parts;
    if (this.#loading !== null) return await this.#loading;
    if (this.#cursor === null) return;
    const next = this.#loadPage({ cursor: this.#cursor });
    await this.#load(
      next.then((cursor) => {
        this.#cursor = cursor;
        state.setInbox({ hasMore: cursor !== null });
      }),
    );
  }

  /** The next page of those that are archived; false at their end. */
  async loadArchived(): Promise<boolean> {
    if (this.#archivedCursor === null) return false;
    this.#archivedCursor = await this.#loadPage({ archived: true, cursor: this.#archivedCursor });
    return this.#archivedCursor !== null;
  }

  /** One conversation as it is now; rejects with `not_participant` where it is not one's own. */
  async load(id: string): Promise<Conversation> {
    return this.#meet(await this.#parts.rest.get(`/conversations/${segment(id)}`));
  }

  /** Groups with this in their name, archived ones too. */
  find(query: string, cursor?: string): Promise<Page<Conversation>> {
    return this.#parts.rest.page("/conversations/search", { query, cursor }, (item: RestConversation) =>
      this.#take(item),
    );
  }

  /** The direct conversation with somebody, found or made. */
  async direct(userId: string): Promise<Conversation> {
    return this.#meet(await this.#parts.rest.post(`/conversations/direct/${segment(userId)}`));
  }

  /** A new group of these people and oneself. */
  async createGroup(userIds: readonly string[], options: GroupOptions = {}): Promise<Conversation> {
    const body = { ...options, userIds };
    return this.#meet(await this.#parts.rest.post("/conversations", { body, key: crypto.randomUUID() }));
  }

  /** Changes what is named; owners and admins may. */
  async update(id: string, change: GroupOptions): Promise<Conversation> {
    return this.#take(await this.#parts.rest.put(`/conversations/${segment(id)}`, { body: change }));
  }

  async leave(id: string): Promise<void> {
    await this.#parts.rest.delete(`/conversations/${segment(id)}`);
    this.#gone(id);
  }

  /** For everybody; owners may. */
  async remove(id: string): Promise<void> {
    await this.#parts.rest.delete(`/conversations/${segment(id)}`, { query: { forEveryone: true } });
    this.#parts.state.dropConversation(id);
  }

  async addParticipants(id: string, userIds: readonly string[]): Promise<Conversation> {
    return this.#meet(
      await this.#parts.rest.post(`/conversations/${segment(id)}/participants`, { body: { userIds } }),
    );
  }

  async removeParticipant(id: string, userId: string): Promise<void> {
    await this.#parts.rest.delete(`/conversations/${segment(id)}/participants/${segment(userId)}`);
  }

  async setRole(id: string, userId: string, role: Role): Promise<Conversation> {
    const body = { role: role.toUpperCase() };
    return this.#take(
      await this.#parts.rest.put(`/conversations/${segment(id)}/participants/${segment(userId)}`, { body }),
    );
  }

  /** All of them, where a conversation names only the first 200. */
  participants(id: string, cursor?: string): Promise<Page<Participant>> {
    return this.#parts.rest.page(`/conversations/${segment(id)}/participants`, { cursor }, participantOfRest);
  }

  mute = (id: string, muted = true): Promise<void> => this.#prefer(id, "mute", { muted });
  /** In one's own list. */
  pin = (id: string, pinned = true): Promise<void> => this.#prefer(id, "pin", { pinned });
  /** Out of the list until its next message. */
  archive = (id: string, archived = true): Promise<void> => this.#prefer(id, "archive", { archived });
  setLevel = (id: string, level: NotificationLevel): Promise<void> =>
    this.#prefer(id, "notifications", { level });

  /** Everything is read, or everything up to a message. Told to the server when there is a connection. */
  markRead(id: string, messageId: string | null = null): void {
    const { state, apply } = this.#parts;
    const conversation = state.conversations.get(id);
    const last = conversation?.lastMessage ?? null;
    const message = messageId === null ? last : state.message(id, messageId);
    if (conversation === undefined || message === null || message.state !== "stored") return;
    if (message.seq <= conversation.readSeq && conversation.unread === 0) return;
    apply.ownRead(conversation, Math.max(message.seq, conversation.readSeq));
    this.#reads.set(id, message.id);
    void this.#tellRead(id);
  }

  /** Counts a message and what came after it as unread again. */
  async markUnread(id: string, messageId: string): Promise<void> {
    const { rest, state } = this.#parts;
    const { unreadCount, unreadMentions } = await rest.put<{ unreadCount: number; unreadMentions: number }>(
      `/conversations/${segment(id)}/unread`,
      { body: { messageId } },
    );
    state.patchConversation(id, { unread: unreadCount, unreadMentions });
  }

  /** To be called with every key, and with false where the text was sent or deleted. */
  typing(id: string, isTyping = true): void {
    const { connection } = this.#parts;
    const known = this.#typing.get(id);
    clearTimeout(known?.ends);
    if (!isTyping) {
      this.#typing.delete(id);
      if (known !== undefined) connection.typing({ conversation_id: id, typing: false });
      return;
    }
    const isDue = known === undefined || Date.now() - known.saidAt > TYPING_AGAIN_MS;
    if (isDue) connection.typing({ conversation_id: id, typing: true });
    const ends = setTimeout(() => this.typing(id, false), TYPING_ENDS_MS);
    this.#typing.set(id, { saidAt: isDue ? Date.now() : known.saidAt, ends });
  }

  /** There is a connection: what the server was not told is told. */
  live(): void {
    for (const id of this.#reads.keys()) void this.#tellRead(id);
  }

  /** What is known of it has to be asked for, soon, together with what else has. */
  want(id: string): void {
    this.#wanted.add(id);
    this.#reloadTimer ??= setTimeout(() => {
      this.#reloadTimer = undefined;
      const ids = [...this.#wanted];
      this.#wanted.clear();
      for (const wanted of ids) void this.#reload(wanted);
    }, RELOAD_MS);
  }

  /** Nothing that is known can be relied on. */
  async startOver(): Promise<void> {
    const { state } = this.#parts;
    state.setInbox({ status: "loading" });
    this.#archivedCursor = undefined;
    await this.loadInbox();
  }

  async #reload(id: string): Promise<void> {
    try {
      await this.load(id);
    } catch (error) {
      const refusal = asClientError(error);
      if (refusal.code === "not_participant") this.#parts.state.dropConversation(id);
      else this.#parts.problem(refusal);
    }
  }

  /** One page of the inbox at a time. */
  #load(work: Promise<void>): Promise<void> {
    this.#loading = work.finally(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  async #loadFirst(): Promise<void> {
    const { state } = this.#parts;
    const isAnew = state.store.get("inbox").status === "loading";
    state.setInbox({ status: "loading" });
    try {
      const page = await this.#ask({});
      if (isAnew) this.#forget();
      for (const item of page.items) this.#take(item);
      this.#cursor = page.nextCursor;
      state.setInbox({ status: "ready", hasMore: page.nextCursor !== null });
    } catch (error) {
      state.setInbox({ status: "failed" });
      throw error;
    }
  }

  /** None of them may be left; what is looked at is asked for. */
  #forget(): void {
    const { state } = this.#parts;
    for (const id of [...state.conversations.keys()]) {
      state.conversations.delete(id);
      state.store.touch(`conversation:${id}`);
      if (state.store.isWatched(`conversation:${id}`)) this.want(id);
    }
  }

  async #loadPage(query: { readonly archived?: boolean; readonly cursor?: string | undefined }) {
    const page = await this.#ask(query);
    for (const item of page.items) this.#take(item);
    return page.nextCursor;
  }

  #ask(query: { readonly archived?: boolean; readonly cursor?: string | undefined }) {
    return this.#parts.rest.get<RestPage<RestConversation>>("/conversations", {
      limit: INBOX_PAGE,
      ...query,
    });
  }

  /** One that may be new, with people who were here before it. */
  #meet(item: RestConversation): Conversation {
    const { state, needPresence } = this.#parts;
    const online = item.participants.filter((one) => one.online).map(({ userId }) => String(userId));
    const unknown = online.filter(
      (userId) => userId !== state.userId && state.presence(userId) === undefined,
    );
    if (unknown.length > 0) needPresence(unknown);
    return this.#take(item);
  }

  /** What was told meanwhile may be newer than the answer: then it is asked again. */
  #take(item: RestConversation): Conversation {
    const { state } = this.#parts;
    const conversation = conversationOfRest(item, state.userId);
    const known = state.conversations.get(conversation.id);
    if (known !== undefined && known.seq > conversation.seq) {
      this.want(conversation.id);
      return known;
    }
    state.setConversation(conversation);
    return conversation;
  }

  async #prefer(id: string, what: string, query: Readonly<Record<string, string | boolean>>): Promise<void> {
    this.#take(await this.#parts.rest.put(`/conversations/${segment(id)}/${what}`, { query }));
  }

  #gone(id: string): void {
    const { state } = this.#parts;
    if (state.conversations.get(id)?.kind === "direct") state.patchConversation(id, { hidden: true });
    else state.dropConversation(id);
  }

  /** One at a time for each conversation, and of what was read meanwhile only the last. */
  async #tellRead(id: string): Promise<void> {
    const { connection, problem } = this.#parts;
    const messageId = this.#reads.get(id);
    if (messageId === undefined || connection.status !== "live" || this.#reading.has(id)) return;
    this.#reading.add(id);
    try {
      await connection.request("read", { conversation_id: id, message_id: messageId });
      if (this.#reads.get(id) === messageId) this.#reads.delete(id);
    } catch (error) {
      const refusal = asClientError(error);
      if (refusal.code !== "disconnected") {
        this.#reads.delete(id);
        problem(refusal);
      }
    } finally {
      this.#reading.delete(id);
    }
    void this.#tellRead(id);
  }
}

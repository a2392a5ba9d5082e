import type {
  ClientSnapshot,
  Connection,
  Conversation,
  Inbox,
  Me,
  Message,
  Presence,
  PresenceStatus,
  Timeline,
  Topic,
  Topics,
  TypingUser,
} from "./model.ts";
import { Store } from "./store.ts";
import { Stretch } from "./timeline.ts";

/** Stretches that nobody looks at, and are kept all the same: the last ones looked at. */
const KEPT_STRETCHES = 30;

export interface StateParts {
  readonly timelineLimit: number;
  readonly connection: () => Connection;
  /** One's own messages of a conversation, or of a thread in it, that are not stored yet. */
  readonly pending: (conversationId: string, parentId: string | null) => readonly Message[];
}

/** All that is known here, and who looks at it. Only `apply.ts` and the loaders change it. */
export class State {
  readonly store: Store;
  readonly conversations = new Map<string, Conversation>();
  readonly #parts: StateParts;
  /** By topic, the last one used last. */
  readonly #stretches = new Map<Topic, Stretch>();
  readonly #typing = new Map<string, Map<string, TypingUser>>();
  readonly #presence = new Map<string, Presence>();
  #me: Me | null = null;
  #inbox: Pick<Inbox, "status" | "hasMore"> = { status: "empty", hasMore: false };
  #ids: readonly string[] = [];
  #archivedIds: readonly string[] = [];

  constructor(parts: StateParts) {
    this.#parts = parts;
    this.store = new Store((topic) => this.#read(topic));
  }

  get me(): Me | null {
    return this.#me;
  }

  get userId(): string {
    return this.#me?.userId ?? "";
  }

  setMe(change: Partial<Me>): void {
    this.#me = {
      userId: "",
      name: null,
      avatarUrl: null,
      isBot: false,
      status: "online",
      ...this.#me,
      ...change,
    };
    this.store.touch("me");
  }

  setInbox(change: Partial<Pick<Inbox, "status" | "hasMore">>): void {
    this.#inbox = { ...this.#inbox, ...change };
    this.store.touch("inbox");
  }

  setConversation(conversation: Conversation): void {
    this.conversations.set(conversation.id, conversation);
    this.store.touch("inbox", `conversation:${conversation.id}`);
  }

  /** Changes what is known of one; nothing where it is not known. */
  patchConversation(id: string, change: Partial<Conversation>): void {
    const known = this.conversations.get(id);
    if (known !== undefined) this.setConversation({ ...known, ...change });
  }

  /** It is no longer one's own. */
  dropConversation(id: string): void {
    this.conversations.delete(id);
    this.#typing.delete(id);
    for (const stretch of this.stretchesOf(id)) {
      stretch.replace([], { hasOlder: false, hasNewer: false });
      stretch.status = "failed";
      stretch.error = { code: "not_participant", message: "No longer in this conversation" };
      this.touchStretch(stretch);
    }
    this.store.touch("inbox", `conversation:${id}`, `typing:${id}`);
  }

  stretch(conversationId: string, rootId: string | null = null): Stretch {
    const topic: Topic = rootId === null ? `timeline:${conversationId}` : `thread:${rootId}`;
    const stretch =
      this.#stretches.get(topic) ?? new Stretch(conversationId, rootId, this.#parts.timelineLimit);
    this.#stretches.delete(topic);
    this.#stretches.set(topic, stretch);
    for (const [old] of this.#stretches) {
      if (this.#stretches.size <= KEPT_STRETCHES) break;
      if (!this.store.isWatched(old)) this.#stretches.delete(old);
    }
    return stretch;
  }

  stretches(): Iterable<Stretch> {
    return this.#stretches.values();
  }

  *stretchesOf(conversationId: string): Iterable<Stretch> {
    for (const stretch of this.#stretches.values()) {
      if (stretch.conversationId === conversationId) yield stretch;
    }
  }

  touchStretch({ conversationId, rootId }: Stretch): void {
    this.store.touch(rootId === null ? `timeline:${conversationId}` : `thread:${rootId}`);
  }

  /** What of one's own is under way in a conversation has changed. */
  touchPending(conversationId: string): void {
    for (const stretch of this.stretchesOf(conversationId)) this.touchStretch(stretch);
    this.store.touch("connection", `timeline:${conversationId}`);
  }

  /** Puts a stored message wherever it is to be seen. */
  putMessage(message: Message): void {
    for (const stretch of this.stretchesOf(message.conversationId)) {
      if (stretch.root?.id === message.id && stretch.root.rev < message.rev) {
        stretch.root = message;
        this.touchStretch(stretch);
      }
      if (stretch.takes(message) && stretch.tell(message)) this.touchStretch(stretch);
    }
    const conversation = this.conversations.get(message.conversationId);
    if (conversation?.lastMessage?.id === message.id && conversation.lastMessage.rev < message.rev) {
      this.patchConversation(conversation.id, { lastMessage: message });
    }
  }

  /** Changes what is known of a message, wherever it is seen. */
  patchMessage(conversationId: string, id: string, change: (message: Message) => Message): void {
    for (const stretch of this.stretchesOf(conversationId)) {
      let hasChanged = stretch.patch(id, change);
      if (stretch.root?.id === id) {
        const root = change(stretch.root);
        hasChanged ||= root !== stretch.root;
        stretch.root = root;
      }
      if (hasChanged) this.touchStretch(stretch);
    }
    const { lastMessage = null } = this.conversations.get(conversationId) ?? {};
    if (lastMessage?.id === id) this.patchConversation(conversationId, { lastMessage: change(lastMessage) });
  }

  /** A stored message that is in memory. */
  message(conversationId: string, id: string): Message | null {
    for (const stretch of this.stretchesOf(conversationId)) {
      const found = stretch.get(id) ?? (stretch.root?.id === id ? stretch.root : undefined);
      if (found !== undefined) return found;
    }
    const { lastMessage = null } = this.conversations.get(conversationId) ?? {};
    return lastMessage?.id === id ? lastMessage : null;
  }

  setTyping(conversationId: string, user: TypingUser, isTyping: boolean): void {
    const users = this.#typing.get(conversationId) ?? new Map<string, TypingUser>();
    if (isTyping === users.has(user.userId)) return;
    if (isTyping) users.set(user.userId, user);
    else users.delete(user.userId);
    this.#typing.set(conversationId, users);
    this.store.touch(`typing:${conversationId}`);
  }

  presence(userId: string): Presence | undefined {
    return this.#presence.get(userId);
  }

  presences(): readonly Presence[] {
    return [...this.#presence.values()];
  }

  setPresence(presence: Presence): void {
    this.#presence.set(presence.userId, presence);
    this.store.touch(`presence:${presence.userId}`);
  }

  /** Nobody types any more, as far as is known here: there is no connection to be told by. */
  forgetTyping(): void {
    for (const conversationId of this.#typing.keys()) this.store.touch(`typing:${conversationId}`);
    this.#typing.clear();
  }

  /** What an earlier run has shown is shown again; it is not to be relied on. */
  restore({ me, conversations, timelines }: ClientSnapshot): void {
    this.setMe(me);
    for (const conversation of conversations) this.setConversation(conversation);
    for (const { conversationId, messages, hasOlder } of timelines) {
      const stretch = this.stretch(conversationId);
      stretch.replace(messages, { hasOlder, hasNewer: false });
      this.touchStretch(stretch);
    }
    this.setInbox({ status: "ready" });
  }

  #read<T extends Topic>(topic: T): Topics[T];
  #read(topic: Topic): unknown {
    if (topic === "connection") return this.#parts.connection();
    if (topic === "me") return this.#me;
    if (topic === "inbox") return this.#readInbox();
    const colon = topic.indexOf(":");
    const id = topic.slice(colon + 1);
    switch (topic.slice(0, colon)) {
      case "conversation":
        return this.conversations.get(id) ?? null;
      case "typing":
        return [...(this.#typing.get(id)?.values() ?? [])];
      case "presence":
        return this.#presence.get(id) ?? offline(id);
      default:
        return this.#readTimeline(topic, id);
    }
  }

  #readTimeline(topic: Topic, id: string): Timeline {
    const isThread = topic.startsWith("thread:");
    const stretch = this.#stretches.get(topic) ?? new Stretch(isThread ? "" : id, isThread ? id : null, 0);
    return stretch.snapshot(this.#parts.pending(stretch.conversationId, stretch.rootId));
  }

  #readInbox(): Inbox {
    let unread = 0;
    let unreadMentions = 0;
    const listed: Conversation[] = [];
    const archived: Conversation[] = [];
    for (const conversation of this.conversations.values()) {
      if (conversation.archived) archived.push(conversation);
      else if (!conversation.hidden) {
        listed.push(conversation);
        if (conversation.muted) continue;
        unread += conversation.unread;
        unreadMentions += conversation.unreadMentions;
      }
    }
    this.#ids = sorted(listed, this.#ids);
    this.#archivedIds = sorted(archived, this.#archivedIds);
    return { ...this.#inbox, ids: this.#ids, archivedIds: this.#archivedIds, unread, unreadMentions };
  }
}

/** The pinned first, then by latest activity; the same array where the order is as before. */
function sorted(conversations: Conversation[], before: readonly string[]): readonly string[] {
  conversations.sort(
    (a, b) =>
      Number(b.pinned) - Number(a.pinned) || b.lastActivityAt - a.lastActivityAt || (a.id < b.id ? 1 : -1),
  );
  const ids = conversations.map(({ id }) => id);
  return ids.length === before.length && ids.every((id, i) => id === before[i]) ? before : ids;
}

const offline = (userId: string): Presence => ({
  userId,
  status: "offline" satisfies PresenceStatus,
  lastSeenAt: null,
});

import type {
  ConversationPayload,
  MessagePayload,
  ServerEventName,
  ServerEvents,
} from "@parlance/protocol/websocket.ts";
import type { Clocks } from "./clocks.ts";
import type { Emitter } from "./emitter.ts";
import type { ClientEvents } from "./events.ts";
import type { Conversation, Message, Presence, PresenceStatus } from "./model.ts";
import type { Outbox } from "./outbox.ts";
import type { State } from "./state.ts";
import { conversationOfFrame, messageOfFrame } from "./wire.ts";

/** The server ends typing by itself; should that be lost, it ends here. */
const TYPING_MS = 10_000;

export interface ApplyParts {
  readonly state: State;
  readonly outbox: Outbox;
  readonly clocks: Clocks;
  readonly events: Emitter<ClientEvents>;
  /** The server's time. */
  readonly now: () => number;
  /** Whether what is told now happens now, and was not missed. */
  readonly isLive: () => boolean;
  /** Something is told of a conversation that is not known here. */
  readonly needConversation: (conversationId: string) => void;
  /** How many are unread cannot be said from what is known here. */
  readonly recount: (conversationId: string) => void;
  /** Nothing that is known here can be relied on. */
  readonly startOver: () => void;
}

/** Brings what the server tells into the state. */
export class Apply {
  readonly #parts: ApplyParts;
  readonly #typingTimers = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(parts: ApplyParts) {
    this.#parts = parts;
  }

  frame(event: ServerEventName, payload: ServerEvents[ServerEventName]): void {
    const handler = this.#handlers[event] as ((payload: unknown) => void) | undefined;
    handler?.(payload);
  }

  readonly #handlers: { readonly [N in ServerEventName]?: (payload: ServerEvents[N]) => void } = {
    "message.receive": (payload) => this.#received(payload),
    "message.updated": (payload) => this.#updated(payload),
    "reaction.changed": (payload) => this.#reacted(payload),
    "conversation.changed": (payload) => this.#conversation(payload),
    receipt: (payload) => this.#receipt(payload),
    typing: (payload) => this.#typing(payload),
    "presence.changed": (payload) => this.#presence(payload),
    reset: ({ conversation_id }) => {
      if (conversation_id === undefined) this.#parts.startOver();
    },
  };

  /** A message of one's own that was acknowledged: nobody tells it here. */
  stored(message: Message): void {
    this.#parts.clocks.tick(message.conversationId, message.seq, this.#parts.isLive());
    this.#place(message);
  }

  #received(payload: MessagePayload): void {
    const { clocks, events, outbox, state, isLive } = this.#parts;
    const message = this.#messageOf(payload);
    const isNew = clocks.hear(message.conversationId, message.seq);
    clocks.tick(message.conversationId, message.rev, isLive());
    const isOwn = message.senderId === state.userId;
    if (isOwn) outbox.seen(message);
    this.#place(message);
    if (!isNew) return;
    state.setTyping(message.conversationId, { userId: message.senderId, name: null }, false);
    events.emit("message", { message, isOwn, isLive: isLive() });
  }

  /** A message that is stored, in its place; told before it is placed again, and changes nothing. */
  #place(message: Message): void {
    const { state, needConversation } = this.#parts;
    const conversation = state.conversations.get(message.conversationId);
    if (conversation === undefined) needConversation(message.conversationId);
    else if (message.seq > conversation.seq) {
      state.setConversation(withMessage(conversation, message, state.userId));
      const { parentId } = message;
      if (parentId !== null) {
        state.patchMessage(message.conversationId, parentId, (parent) => ({
          ...parent,
          replyCount: parent.replyCount + 1,
        }));
      }
    }
    state.putMessage(message);
  }

  #updated(payload: MessagePayload): void {
    const { clocks, outbox, state, events, isLive } = this.#parts;
    const message = this.#messageOf(payload);
    const { conversationId } = message;
    clocks.tick(conversationId, message.rev, isLive());
    if (message.senderId === state.userId) outbox.seen(message);
    const before = state.message(conversationId, message.id);
    if (before !== null && before.rev >= message.rev) return;
    const conversation = state.conversations.get(conversationId);
    const isDeletion = message.deletedAt !== null && before?.deletedAt === null;
    if (conversation !== undefined && message.rev > conversation.seq) {
      const isUncounted =
        message.deletedAt !== null &&
        message.seq > conversation.readSeq &&
        message.senderId !== state.userId &&
        conversation.unread > 0;
      state.patchConversation(conversationId, { seq: message.rev });
      if (isUncounted && isLive()) this.#parts.recount(conversationId);
    }
    if (isDeletion && message.parentId !== null) {
      state.patchMessage(conversationId, message.parentId, (parent) => ({
        ...parent,
        replyCount: Math.max(0, parent.replyCount - 1),
      }));
    }
    state.putMessage(message);
    this.#renewPreviews(message);
    events.emit("message.updated", { message });
  }

  /** Replies show what they answer as it is now. */
  #renewPreviews(message: Message): void {
    const { state } = this.#parts;
    for (const stretch of state.stretchesOf(message.conversationId)) {
      for (const reply of stretch.stored) {
        if (reply.parentId !== message.id || reply.parent === null) continue;
        const isDeleted = message.deletedAt !== null;
        const parent = { ...reply.parent, content: message.content, isDeleted };
        if (stretch.patch(reply.id, (known) => ({ ...known, parent }))) state.touchStretch(stretch);
      }
    }
  }

  #reacted(payload: ServerEvents["reaction.changed"]): void {
    const { clocks, state, events, isLive } = this.#parts;
    const { conversation_id: conversationId, id, emoji, added, summary, seq, user_id: userId } = payload;
    clocks.tick(conversationId, seq, isLive());
    const isOwn = userId === state.userId;
    state.patchMessage(conversationId, id, (message) => {
      if (message.rev >= seq) return message;
      const own = message.ownReactions.filter((known) => known in summary && !(isOwn && known === emoji));
      return {
        ...message,
        rev: seq,
        reactions: summary,
        ownReactions: isOwn && added ? [...own, emoji] : own,
      };
    });
    const conversation = state.conversations.get(conversationId);
    if (conversation !== undefined && seq > conversation.seq)
      state.patchConversation(conversationId, { seq });
    events.emit("reaction", { conversationId, messageId: id, userId, emoji, isAdded: added });
  }

  #conversation(payload: ConversationPayload): void {
    const { clocks, state, events, isLive, now } = this.#parts;
    const { conversation_id: id, unread, removed, deleted } = payload;
    // One that is told to oneself alone may be ahead of what was told of the conversation, but not after a resume.
    if (unread === undefined || !isLive()) clocks.tick(id, payload.seq, isLive());
    if (deleted === true || removed.includes(state.userId)) {
      if (state.conversations.has(id)) {
        state.dropConversation(id);
        events.emit("conversation.removed", { conversationId: id });
      }
      return;
    }
    const known = state.conversations.get(id) ?? null;
    const isOld = known !== null && unread === undefined && payload.seq <= known.seq;
    if (isOld) return;
    state.setConversation(conversationOfFrame(payload, known, state.userId, now()));
    // A head is not all there is to know of it, or of who was let in.
    if (known === null || payload.added.length > 0) this.#parts.needConversation(id);
  }

  #receipt(payload: ServerEvents["receipt"]): void {
    const { state, events } = this.#parts;
    const { conversation_id: conversationId, user_id: userId, read_seq: readSeq, read_at: readAt } = payload;
    const deliveredSeq = Math.max(payload.delivered_seq, readSeq);
    const conversation = state.conversations.get(conversationId);
    if (conversation === undefined) return;
    if (userId === state.userId) this.ownRead(conversation, readSeq);
    else if (conversation.participantCount <= 100) {
      const marks = { ...conversation.marks, [userId]: { deliveredSeq, readSeq, readAt } };
      state.patchConversation(conversationId, { marks });
    }
    events.emit("receipt", { conversationId, userId, deliveredSeq, readSeq, readAt });
  }

  /** Oneself has read up to there, on whichever device. */
  ownRead(conversation: Conversation, readSeq: number): void {
    const { state, recount } = this.#parts;
    // Marked as unread by hand it may be unread below the mark.
    if (readSeq === conversation.readSeq && conversation.unread === 0) return;
    if (conversation.lastMessage === null || readSeq >= conversation.lastMessage.seq) {
      state.patchConversation(conversation.id, { readSeq, unread: 0, unreadMentions: 0 });
      return;
    }
    state.patchConversation(conversation.id, { readSeq });
    recount(conversation.id);
  }

  #typing({ conversation_id, user_id: userId, user_name: name, typing }: ServerEvents["typing"]): void {
    const { state, events } = this.#parts;
    const key = `${conversation_id} ${userId}`;
    clearTimeout(this.#typingTimers.get(key));
    this.#typingTimers.delete(key);
    state.setTyping(conversation_id, { userId, name }, typing);
    if (typing) {
      const end = () => state.setTyping(conversation_id, { userId, name }, false);
      this.#typingTimers.set(key, setTimeout(end, TYPING_MS));
    }
    events.emit("typing", { conversationId: conversation_id, userId, name, isTyping: typing });
  }

  #presence(payload: ServerEvents["presence.changed"]): void {
    const { state, events } = this.#parts;
    const presence: Presence = {
      userId: payload.user_id,
      status: payload.status as PresenceStatus,
      lastSeenAt: payload.last_seen_at,
    };
    if (presence.userId === state.userId) state.setMe({ status: presence.status });
    state.setPresence(presence);
    events.emit("presence", presence);
  }

  #messageOf(payload: MessagePayload): Message {
    const { state } = this.#parts;
    const known = state.message(payload.conversation_id, payload.id);
    const message = messageOfFrame(payload, state.userId, known?.ownReactions ?? []);
    if (known === null) return message;
    // A frame counts replies as they were when it was made; here they are counted since.
    return {
      ...message,
      replyCount: Math.max(known.replyCount, message.replyCount),
      parent: message.parent ?? known.parent,
    };
  }
}

/** A conversation in which something more was said. */
function withMessage(conversation: Conversation, message: Message, me: string): Conversation {
  // It is in the history and moves nothing in a list.
  if (message.type === "system") return { ...conversation, seq: message.seq };
  const isCounted = message.senderId !== me;
  return {
    ...conversation,
    seq: message.seq,
    lastMessage: message,
    lastActivityAt: Math.max(message.createdAt, conversation.lastActivityAt),
    archived: false,
    hidden: false,
    unread: conversation.unread + (isCounted ? 1 : 0),
    unreadMentions: conversation.unreadMentions + (isCounted && message.mentions.includes(me) ? 1 : 0),
  };
}

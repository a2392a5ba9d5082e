import type {
  ConversationChanged,
  Event,
  MessageStored,
  MessageUpdated,
  Tick,
} from "@parlance/protocol/events.ts";
import type { Message } from "@parlance/protocol/model.ts";
import type { Bus, News } from "../core/ports/bus.ts";
import type { Change, Changed } from "../core/ports/message-log.ts";
import type { ChangeEntry, DraftEntry } from "./entry.ts";

/** Tells the bus what a committed batch did: events by conversation, in order of their ticks. */
export interface Announce {
  stored(
    drafts: readonly { readonly entry: DraftEntry; readonly seq: number; readonly at: number }[],
    xid: number,
  ): void;
  changed(entries: readonly ChangeEntry[], changed: Changed): void;
}

/** @param onMoved called after each batch, for those who follow behind the writer in this process */
export function createAnnounce(bus: Bus, onMoved: () => void): Announce {
  const publish = (byConversation: ReadonlyMap<number, Event[]>, more: readonly News[]) => {
    const news: News[] = [];
    for (const [conversationId, events] of byConversation) {
      news.push({ topic: `conversation:${conversationId}`, kind: "events", conversationId, events });
    }
    if (news.length + more.length === 0) return;
    bus.publish([...news, ...more]);
    onMoved();
  };

  return {
    stored(drafts, xid) {
      const byConversation = new Map<number, Event[]>();
      for (const { entry, seq, at } of drafts) gather(byConversation, storedEvent(entry, seq, xid, at));
      publish(byConversation, []);
    },
    changed(entries, { xid, outcomes }) {
      const byConversation = new Map<number, Event[]>();
      const more: News[] = [];
      for (const [i, { change }] of entries.entries()) {
        const outcome = outcomes[i];
        if (outcome === undefined || !("seq" in outcome) || !outcome.changed) continue;
        const { seq, message, added: reacted = false, head, participants, said, removed = [] } = outcome;
        const conversationId = outcome.conversationId ?? change.conversationId;
        if (message !== undefined) {
          const tick = { conversationId, seq, xid, message };
          gather(byConversation, messageEvent(change, tick, reacted));
        } else if (head !== undefined) {
          const added =
            change.kind === "open" ? head.participants : change.kind === "add" ? (participants ?? []) : [];
          const event: ConversationChanged = {
            type: "conversation.changed",
            conversationId,
            seq,
            xid,
            head,
            created: change.kind === "open",
            added,
            updated: change.kind === "role" ? (participants ?? []) : [],
            removed: change.kind === "remove" ? [change.userId] : removed,
            deleted: change.kind === "delete-conversation",
          };
          gather(byConversation, event);
          if (said !== undefined) {
            gather(byConversation, {
              type: "message.stored",
              conversationId,
              seq: said.seq,
              xid,
              message: said,
            });
          }
          if (!event.created) more.push({ topic: "everyone", kind: "conversation-changed", conversationId });
          const newcomers = change.kind === "open" ? change.people : added;
          for (const { userId } of newcomers) {
            more.push({ topic: `user:${userId}`, kind: "joined", userId, conversationId, seq });
          }
        }
      }
      publish(byConversation, more);
    },
  };
}

function wordFor(change: ChangeEntry["change"]): MessageUpdated["change"] & string {
  if (change.kind === "pin") return change.pin ? "pin" : "unpin";
  return change.kind === "delete" ? "delete" : "edit";
}

const NO_MENTIONS: readonly string[] = [];

function messageEvent(change: Change, tick: Tick & { readonly message: Message }, reacted: boolean): Event {
  switch (change.kind) {
    case "react":
      return {
        ...tick,
        type: "reaction.changed",
        userId: change.by,
        userName: change.byName ?? null,
        emoji: change.emoji,
        added: reacted,
      };
    case "send":
      return {
        ...tick,
        type: "message.stored",
        ...(change.origin !== undefined && { origin: change.origin }),
      };
    default:
      return { ...tick, type: "message.updated", change: wordFor(change) };
  }
}

function gather(byConversation: Map<number, Event[]>, event: Event): void {
  const events = byConversation.get(event.conversationId);
  if (events === undefined) byConversation.set(event.conversationId, [event]);
  else events.push(event);
}

function storedEvent({ draft, origin }: DraftEntry, seq: number, xid: number, at: number): MessageStored {
  const message: Message = {
    id: draft.id,
    conversationId: draft.conversationId,
    seq,
    rev: seq,
    type: draft.type,
    senderId: draft.senderId,
    senderName: draft.senderName,
    senderAvatarUrl: draft.senderAvatarUrl ?? null,
    content: draft.content,
    parentId: draft.parentId,
    parent: draft.parent ?? null,
    replyCount: 0,
    mentions: draft.mentions ?? NO_MENTIONS,
    metadata: draft.metadata,
    attachments: null,
    reactions: null,
    idempotencyKey: draft.idempotencyKey,
    clientTime: draft.clientTime,
    createdAt: at,
    editedAt: null,
    deletedAt: null,
    pinnedAt: null,
    pinnedBy: null,
  };
  const event = { type: "message.stored" as const, conversationId: draft.conversationId, seq, xid, message };
  return origin === undefined ? event : { ...event, origin };
}

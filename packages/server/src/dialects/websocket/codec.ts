import type { Event, Signal } from "@parlance/protocol/events.ts";
import { spellPrefixed } from "@parlance/protocol/ids.ts";
import type {
  MessagePayload,
  RequestId,
  ServerEventName,
  ServerEvents,
} from "@parlance/protocol/websocket.ts";
import type { Codec } from "../../delivery/outlet.ts";
import { textFrame } from "../../http/frames.ts";
import { conversationId, conversationPayload, messageId, messagePayload } from "./shapes.ts";

/** One frame of this dialect; `id` is that of the request it answers. */
export function frame<N extends ServerEventName>(event: N, payload: ServerEvents[N], id?: RequestId): Buffer {
  return textFrame(JSON.stringify(id === undefined ? { event, payload } : { event, id, payload }));
}

export const codec: Codec = {
  events(events) {
    const frames = events.map(eventFrame);
    return frames.length === 1 ? (frames[0] as Buffer) : Buffer.concat(frames);
  },
  signal: signalFrame,
  position: (position) => frame("position", { position }),
};

function eventFrame(event: Event): Buffer {
  switch (event.type) {
    case "message.stored":
      return messageFrame("message.receive", messagePayload(event.message));
    case "message.updated":
      return messageFrame("message.updated", messagePayload(event.message));
    case "reaction.changed":
      return frame("reaction.changed", {
        conversation_id: conversationId(event.conversationId),
        message_id: messageId(event.message),
        id: spellPrefixed("message", event.message.id),
        user_id: event.userId,
        emoji: event.emoji,
        added: event.added,
        summary: event.message.reactions ?? {},
        seq: event.seq,
      });
    case "conversation.changed":
      return frame(
        "conversation.changed",
        conversationPayload(event.head, {
          seq: event.seq,
          added: event.added.map((participant) => participant.userId),
          removed: event.removed,
          deleted: event.deleted,
        }),
      );
  }
}

const text = JSON.stringify;

/**
 * The frame that nearly all frames are, written field by field: 0.4 µs against 2.1 µs of JSON.stringify over the whole.
 * A test holds it to the same text.
 */
export function messageFrame(event: "message.receive" | "message.updated", m: MessagePayload): Buffer {
  const pinned =
    m.pinned_at === undefined ? "" : `,"pinned_at":${m.pinned_at},"pinned_by":${text(m.pinned_by)}`;
  const avatar = m.sender_avatar_url === undefined ? "" : `,"sender_avatar_url":${text(m.sender_avatar_url)}`;
  const parent = m.parent === undefined ? "" : `,"parent":${text(m.parent)}`;
  const replies = m.reply_count === undefined ? "" : `,"reply_count":${m.reply_count}`;
  return textFrame(
    `{"event":"${event}","payload":{"conversation_id":"${m.conversation_id}","sender_id":${text(m.sender_id)}` +
      `,"message_id":${text(m.message_id)},"content":${text(m.content)},"timestamp":${m.timestamp},"id":"${m.id}"` +
      `,"sender_name":${text(m.sender_name)}${avatar},"message_type":"${m.message_type}","parent_id":${text(m.parent_id)}${parent}${replies}` +
      `,"metadata":${text(m.metadata)},"mentions":${text(m.mentions)},"attachments":${text(m.attachments)},"reactions":${text(m.reactions)},"seq":${m.seq},"rev":${m.rev}` +
      `,"created_at":${m.created_at},"edited_at":${m.edited_at},"deleted_at":${m.deleted_at}${pinned}}}`,
  );
}

export function signalFrame(signal: Signal): Buffer {
  switch (signal.type) {
    case "typing":
      return frame("typing", {
        conversation_id: conversationId(signal.conversationId),
        user_id: signal.userId,
        user_name: signal.userName,
        typing: signal.typing,
      });
    case "receipt":
      return frame("receipt", {
        conversation_id: conversationId(signal.conversationId),
        user_id: signal.marks.userId,
        delivered_seq: signal.marks.deliveredSeq,
        read_seq: signal.marks.readSeq,
        read_at: signal.marks.readAt,
      });
    case "entry": {
      const { entry } = signal;
      const seq = entry.head.conversation.clock;
      return frame("conversation.changed", conversationPayload(entry.head, { seq }, entry));
    }
    case "presence":
      return frame("presence.changed", {
        user_id: signal.userId,
        status: signal.status,
        last_seen_at: signal.lastSeenAt,
      });
  }
}

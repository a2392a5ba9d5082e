import type { Event, Signal } from "@parlance/protocol/events.ts";
import type { RequestId, ServerEventName, ServerEvents } from "@parlance/protocol/websocket.ts";
import type { Codec } from "../../delivery/session.ts";
import { textFrame } from "../../http/websocket-transport.ts";
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
      return frame("message.receive", messagePayload(event.message));
    case "message.updated":
      return frame("message.updated", messagePayload(event.message));
    case "reaction.changed":
      return frame("reaction.changed", {
        conversation_id: conversationId(event.conversationId),
        message_id: messageId(event.message),
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
          added: event.added.map((participant) => participant.userId),
          removed: event.removed,
        }),
      );
  }
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
    case "presence":
      return frame("presence.changed", {
        user_id: signal.userId,
        status: signal.status,
        last_seen_at: signal.lastSeenAt,
      });
  }
}

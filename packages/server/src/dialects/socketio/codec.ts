import type { Event, Signal } from "@parlance/protocol/events.ts";
import type { Message } from "@parlance/protocol/model.ts";
import { plainText } from "@parlance/protocol/plain-text.ts";
import type { Codec } from "../../delivery/outlet.ts";
import { eventFrame, eventFrameOf } from "./packet.ts";
import { changesShape, conversationId, mediaUrlOf, messageId, messageShape, timeOf } from "./shapes.ts";

function events(all: readonly Event[]): Buffer | null {
  const frames: Buffer[] = [];
  for (const event of all) {
    const frame = frameOf(event);
    if (frame !== null) frames.push(frame);
  }
  if (frames.length < 2) return frames[0] ?? null;
  return Buffer.concat(frames);
}

/** For those who heard everything since they came: their position goes with it. */
export const codec: Codec = {
  events,
  signal,
  position: (position) => eventFrame("position", { position }),
};

/** For those who join one by one, and go on by `seq`. */
export const codecWithoutPosition: Codec = { events, signal, position: () => null };

function frameOf(event: Event): Buffer | null {
  if (event.type === "message.stored") {
    return event.message.type === "system" ? null : newMessageFrame(event.message);
  }
  if (event.type === "message.updated") {
    const { message } = event;
    if (message.type === "system") return null;
    return eventFrame("message_updated", { ...messageShape(message), ...changesShape(message) });
  }
  return null;
}

const text = JSON.stringify;

/** The frame that nearly all frames are, written field by field; a test holds it to the same text. */
export function newMessageFrame(m: Message): Buffer {
  return eventFrameOf(
    "new_message",
    `{"id":"${messageId(m.id)}","conversation_id":"${conversationId(m.conversationId)}"` +
      `,"sender_id":${text(m.senderId)},"sender_name":${text(m.senderName)},"content":${text(plainText(m))}` +
      `,"message_type":"${m.type}","media_url":${text(mediaUrlOf(m.metadata))}` +
      `,"created_at":"${timeOf(m.createdAt)}","seq":${m.seq},"status":"sent"}`,
  );
}

function signal(told: Signal): Buffer | null {
  if (told.type === "presence" || told.type === "entry") return null;
  const conversation_id = conversationId(told.conversationId);
  if (told.type === "receipt") {
    const { userId, deliveredSeq, readSeq, readAt } = told.marks;
    const status = eventFrame("message_status", {
      conversation_id,
      user_id: userId,
      delivered_seq: deliveredSeq,
      read_seq: readSeq,
      read_at: readAt === null ? null : timeOf(readAt),
    });
    if (readSeq < deliveredSeq || readSeq === 0) return status;
    return Buffer.concat([status, eventFrame("messages_read", { conversationId: conversation_id, userId })]);
  }
  const user = { conversation_id, user_id: told.userId };
  if (told.typing) return eventFrame("user_typing", { ...user, user_name: told.userName });
  // Under both names that clients know it by.
  return Buffer.concat([eventFrame("user_stopped_typing", user), eventFrame("user_stop_typing", user)]);
}

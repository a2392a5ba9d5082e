import type { Event } from "@parlance/protocol/events.ts";
import type { Codec } from "../../delivery/outlet.ts";
import { isShown, messageShape } from "./shapes.ts";

/** Events of this dialect: each has the position after it as its id, and JSON in one `data` line. */
export const codec: Codec = {
  stamp: (position) => `id: ${position}\n`,
  events(events) {
    const text = events.map(eventText).join("");
    return text === "" ? null : Buffer.from(text);
  },
  signal: () => null,
  position: (position) => Buffer.from(`id: ${position}\n\n`),
};

function eventText(event: Event): string {
  // Reactions, pins, people and names have no place in the document; clients learn of new chats by their messages.
  if (event.type !== "message.stored" && event.type !== "message.updated") return "";
  if (!isShown(event.message)) return "";
  if (event.type === "message.updated" && (event.change === "pin" || event.change === "unpin")) return "";
  const name = event.type === "message.updated" ? "event: update\n" : "";
  return `${name}data: ${JSON.stringify(messageShape(event.message))}\n\n`;
}

export type ResetReason = "epoch_changed" | "ahead_of_log" | "forbidden" | "invalid_position";

/** @param position where the stream goes on from; left out where only one chat is to be read again */
export function resetFrame(
  reason: ResetReason,
  { chatId, position }: { chatId?: number; position?: string },
) {
  const id = position === undefined ? "" : `id: ${position}\n`;
  const data = chatId === undefined ? { reason } : { reason, chat_id: chatId };
  return Buffer.from(`${id}event: reset\ndata: ${JSON.stringify(data)}\n\n`);
}

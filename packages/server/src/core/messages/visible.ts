import { Refusal } from "@parlance/protocol/errors.ts";
import type { Message } from "@parlance/protocol/model.ts";
import type { Reader, Standing } from "../ports/reader.ts";

/** The first seq somebody may know of: all, or from their joining where history is not visible. */
export function visibleFrom({ settings, role, joinedSeq }: Standing): number {
  return settings.historyVisible || role === null ? 0 : joinedSeq;
}

/** Refuses what is not there and what somebody may not know of alike. */
export function onlyVisible(standing: Standing, message: Message | null): Message {
  if (message === null || message.seq < visibleFrom(standing)) {
    throw noSuchMessage();
  }
  return message;
}

export const noSuchMessage = (): Refusal =>
  new Refusal("not_found", "There is no such message in this conversation");

/** The one way to a message by its id, for whoever stands so in its conversation; else `not_found`. */
export async function visibleMessage(
  reader: Pick<Reader, "message">,
  standing: Standing,
  messageId: number,
): Promise<Message> {
  return onlyVisible(standing, await reader.message(standing.conversationId, messageId));
}

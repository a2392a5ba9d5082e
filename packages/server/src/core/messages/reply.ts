import { type Message, type ParentPreview, PREVIEW_LENGTH } from "@parlance/protocol/model.ts";
import { mayReply } from "../policy.ts";
import type { Reader, Standing } from "../ports/reader.ts";
import { visibleMessage } from "./visible.ts";

/**
 * The message that a reply names, as the reply shows it to all: not at all where some may not see what was before them.
 * Refuses what is not there, what the sender may not see, and what is deleted.
 */
export async function repliedTo(
  reader: Pick<Reader, "message">,
  standing: Standing,
  parentId: number,
): Promise<ParentPreview | null> {
  const parent = await visibleMessage(reader, standing, parentId);
  const refusal = mayReply(parent);
  if (refusal !== null) throw refusal;
  return standing.settings.historyVisible ? previewOf(parent) : null;
}

function previewOf({ id, seq, type, senderId, senderName, content }: Message): ParentPreview {
  // A code point is one or two code units: only so many need counting.
  const start = [...content.slice(0, 2 * PREVIEW_LENGTH)].slice(0, PREVIEW_LENGTH).join("");
  return { id, seq, type, senderId, senderName, content: start, deleted: false };
}

import { Refusal } from "@parlance/protocol/errors.ts";
import { MAX_ATTACHMENTS, type Message, type MessageType } from "@parlance/protocol/model.ts";
import { changeUnderPolicy } from "../change.ts";
import type { Parts } from "../parts.ts";
import type { Answer } from "../policy.ts";
import type { KnownAttachment } from "../ports/attachment-store.ts";
import type { Draft } from "../ports/message-log.ts";
import type { Standing } from "../ports/reader.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export const isAttachmentId = (text: string): boolean => UUID.test(text);

/** The files that a message is to carry, of those that are known; refuses with `invalid`. */
export async function findFiles(
  { attachments }: Pick<Parts, "attachments">,
  ids: readonly string[],
): Promise<readonly KnownAttachment[]> {
  if (ids.length > MAX_ATTACHMENTS) {
    throw new Refusal("invalid", `a message has at most ${MAX_ATTACHMENTS} attachments`);
  }
  if (!ids.every(isAttachmentId)) throw new Refusal("invalid", "an attachment id is not an id");
  if (new Set(ids).size < ids.length) throw new Refusal("invalid", "an attachment is named twice");
  return await attachments.find(ids);
}

export function typeOfFiles(files: readonly KnownAttachment[]): MessageType {
  return files.length > 0 && files.every((file) => file.contentType.startsWith("image/")) ? "image" : "file";
}

/**
 * Stores a message together with the use of its files. Whose they are, and whether they are free, is looked at where
 * they are written: a repeat of the message must find the first and not the files it has used up.
 */
export async function sendWithFiles(
  parts: Pick<Parts, "writer" | "standings">,
  draft: Draft,
  {
    ids,
    origin,
    decide,
  }: {
    readonly ids: readonly string[];
    readonly origin: string | undefined;
    /** Asked with how the sender stands when it is written. */
    readonly decide: (standing: Standing) => Promise<Answer>;
  },
): Promise<{ readonly message: Message; readonly duplicate: boolean }> {
  const { conversationId, senderId: by } = draft;
  const done = await changeUnderPolicy(parts, conversationId, by, decide, ({ role }) => ({
    kind: "send",
    conversationId,
    by,
    asRole: role,
    draft,
    attachmentIds: ids,
    ...(origin !== undefined && { origin }),
  }));
  return { message: done.message as Message, duplicate: !done.changed };
}

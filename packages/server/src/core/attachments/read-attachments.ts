import { Refusal } from "@parlance/protocol/errors.ts";
import type { HistoryPage, OpenAttachment, OpenedAttachment, ReadFiles } from "@parlance/protocol/queries.ts";
import type { Caller } from "../caller.ts";
import { resolveMessage } from "../messages/read-messages.ts";
import { visibleFrom } from "../messages/visible.ts";
import type { Parts } from "../parts.ts";
import { mayRead } from "../policy.ts";
import { readable } from "../standings.ts";
import { isAttachmentId } from "./attach.ts";
import { blobKey } from "./blob-keys.ts";
import { refuseBlobError } from "./blob-refusal.ts";

type ReadParts = Pick<Parts, "reader" | "standings" | "attachments" | "blobs">;

const THUMBNAIL_TYPE = "image/webp";

export async function readFiles(parts: ReadParts, caller: Caller, query: ReadFiles): Promise<HistoryPage> {
  const { conversationId, before, limit } = query;
  const standing = await readable(parts, caller, conversationId);
  const beforeSeq = before === null ? null : (await resolveMessage(parts, standing, before)).seq;
  const fromSeq = visibleFrom(standing);
  const messages = await parts.attachments.messages({ conversationId, beforeSeq, fromSeq, limit: limit + 1 });
  return {
    messages: messages.slice(0, limit),
    more: messages.length > limit,
    moreNewer: before !== null,
  };
}

/**
 * For those who may see the message it belongs to now; everybody else, and every other id, gets one answer. A file
 * that no message uses is nobody's to have, its uploader's neither.
 */
export async function openAttachment(
  { standings, attachments, blobs }: ReadParts,
  caller: Caller,
  { attachmentId, variant }: OpenAttachment,
): Promise<OpenedAttachment> {
  const unknown = new Refusal("not_found", "There is no such attachment");
  if (!isAttachmentId(attachmentId)) throw unknown;
  const [found] = await attachments.find([attachmentId]);
  if (found === undefined || found.usedBy === null) throw unknown;
  const standing = await standings.read(found.usedBy.conversationId, caller.userId);
  if (standing === null || mayRead(caller, standing) !== null) throw unknown;
  if (found.usedBy.seq < visibleFrom(standing)) throw unknown;
  const { uploaderId: _, usedBy: __, thumbnailSize, ...shown } = found;
  if (variant === "thumbnail" && thumbnailSize === null) throw unknown;
  const key = blobKey(shown.id, variant);
  return {
    attachment: { ...shown, hasThumbnail: thumbnailSize !== null },
    contentType: variant === "thumbnail" ? THUMBNAIL_TYPE : shown.contentType,
    size: variant === "thumbnail" ? (thumbnailSize as number) : shown.size,
    read: (range) => blobs.read(key, range).catch(refuseBlobError),
    link: (headers) => blobs.link(key, headers).catch(refuseBlobError),
  };
}

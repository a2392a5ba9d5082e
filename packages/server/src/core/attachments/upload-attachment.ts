import { randomUUID } from "node:crypto";
import type { UploadAttachment } from "@parlance/protocol/commands.ts";
import { Refusal } from "@parlance/protocol/errors.ts";
import type { Attachment } from "@parlance/protocol/model.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../parts.ts";
import { actingUser } from "../policy.ts";
import { blobKey } from "./blob-keys.ts";
import { refuseBlobError } from "./blob-refusal.ts";
import { cleanFileName } from "./file-name.ts";
import { isTypeIn } from "./file-types.ts";

type UploadParts = Pick<Parts, "users" | "attachments" | "blobs" | "intake" | "uploadLimit" | "fileLimits">;

export interface FileLimits {
  readonly maxBytes: number;
  /** As `isTypeIn` reads them; empty: all. */
  readonly allowedTypes: readonly string[];
}

/** Files of one user that wait for a message; they go by themselves after a while. */
const MAX_UNUSED = 200;

/** Keeps a file, for one message of its uploader to come. */
export async function uploadAttachment(
  parts: UploadParts,
  caller: Caller,
  command: UploadAttachment,
): Promise<Attachment> {
  const { users, attachments, blobs, intake, uploadLimit, fileLimits } = parts;
  const uploaderId = actingUser(caller);
  const fileName = cleanFileName(command.fileName);
  await users.arrive(caller);
  await uploadLimit.take(caller);
  if ((await attachments.countUnused(uploaderId, MAX_UNUSED)) >= MAX_UNUSED) {
    throw new Refusal("rate_limited", `${MAX_UNUSED} files wait to be sent: send some of them first`, 60);
  }
  const taken = await intake.take(command.content, {
    uploaderId,
    contentType: command.contentType,
    maxBytes: fileLimits.maxBytes,
    isAllowed: (contentType) =>
      fileLimits.allowedTypes.length === 0 || isTypeIn(fileLimits.allowedTypes, contentType),
  });
  try {
    const { contentType, size, width, height, thumbnail } = taken;
    const id = randomUUID();
    const shown = { id, fileName, contentType, size, width, height };
    await attachments.add({ ...shown, uploaderId, thumbnailSize: thumbnail?.size ?? null });
    await blobs.write(blobKey(id, "file"), taken).catch(refuseBlobError);
    if (thumbnail !== null) await blobs.write(blobKey(id, "thumbnail"), thumbnail).catch(refuseBlobError);
    await attachments.completed(id);
    return { ...shown, hasThumbnail: thumbnail !== null };
  } finally {
    await taken.discard();
  }
}

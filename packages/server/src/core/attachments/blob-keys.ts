import type { AttachmentVariant } from "@parlance/protocol/queries.ts";

/** The key of a file's bytes in the file store. */
export function blobKey(id: string, variant: AttachmentVariant): string {
  return variant === "file" ? id : `${id}.thumbnail`;
}

import type { AttachmentVariant } from "./queries.ts";

/** Where an attachment is uploaded, and under its id had from. */
export const ATTACHMENTS_PATH = "/api/chat/attachments";

/** Without a signature: whoever follows it says who they are, as with any request. */
export function attachmentPath(id: string, variant: AttachmentVariant): string {
  return `${ATTACHMENTS_PATH}/${id}${variant === "thumbnail" ? "/thumbnail" : ""}`;
}

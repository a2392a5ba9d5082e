import { attachmentPath } from "@parlance/protocol/attachment-path.ts";
import type { Attachment } from "@parlance/protocol/model.ts";
import type { SignedLinks } from "../../http/signed-links.ts";

/**
 * @param linksFor whose links are signed, so that they work without a token for an hour; null: plain paths, for what
 * is the same for everybody
 */
export function attachmentOf(
  { id, fileName, contentType, size, width, height, hasThumbnail }: Attachment,
  linksFor: { readonly links: SignedLinks; readonly userId: string } | null,
) {
  // One signature for both: it is the file that is linked to.
  const path = attachmentPath(id, "file");
  const query = linksFor === null ? "" : linksFor.links.sign(path, linksFor.userId);
  return {
    id,
    fileName,
    contentType,
    size,
    width,
    height,
    url: path + query,
    thumbnailUrl: hasThumbnail ? attachmentPath(id, "thumbnail") + query : null,
  };
}

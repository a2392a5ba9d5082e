import { attachmentPath } from "@parlance/protocol/attachment-path.ts";
import type { Attachment } from "@parlance/protocol/model.ts";
import type { SignedLinks } from "../../http/signed-links.ts";

interface LinksFor {
  readonly links: SignedLinks;
  readonly userId: string;
}

/**
 * @param linksFor whose links are signed, so that they work without a token for a while; null: plain paths, for what
 * is the same for everybody
 */
export function attachmentOf(
  { id, fileName, contentType, size, width, height, hasThumbnail }: Attachment,
  linksFor: LinksFor | null,
) {
  // One signature for both: it is the file that is linked to.
  const path = attachmentPath(id, "file");
  const query = linksFor === null ? "" : linksFor.links.sign(path, linksFor.userId).query;
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

export function linkOf({ id, hasThumbnail }: Attachment, { links, userId }: LinksFor) {
  const path = attachmentPath(id, "file");
  const { query, expiresAt } = links.sign(path, userId);
  return {
    url: path + query,
    thumbnailUrl: hasThumbnail ? attachmentPath(id, "thumbnail") + query : null,
    expiresAt: new Date(expiresAt).toISOString(),
  };
}

import { attachmentPath } from "@parlance/protocol/attachment-path.ts";
import type { Attachment as ModelAttachment } from "@parlance/protocol/model.ts";
import { Type } from "typebox";
import type { SignedLinks } from "../../../http/signed-links.ts";
import { closed, Nullable, Text, timeOf } from "./common.ts";

export const Attachment = Type.Object(
  {
    id: Text,
    fileName: Text,
    contentType: Text,
    size: Type.Integer(),
    width: Nullable(Type.Integer()),
    height: Nullable(Type.Integer()),
    url: Text,
    thumbnailUrl: Nullable(Text),
  },
  { title: "Attachment", ...closed },
);

export const FileLink = Type.Object(
  { url: Text, thumbnailUrl: Nullable(Text), expiresAt: Text },
  { title: "FileLink", ...closed },
);

interface LinksFor {
  readonly links: SignedLinks;
  readonly userId: string;
}

/**
 * @param linksFor whose links are signed, so that they work without a token for a while; null: plain paths, for what
 * is the same for everybody
 */
export function attachmentOf(
  { id, fileName, contentType, size, width, height, hasThumbnail }: ModelAttachment,
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

/** Where a file is had without a token, by its reader, until the link ends. */
export function linkOf({ id, hasThumbnail }: ModelAttachment, { links, userId }: LinksFor) {
  const path = attachmentPath(id, "file");
  const { query, expiresAt } = links.sign(path, userId);
  return {
    url: path + query,
    thumbnailUrl: hasThumbnail ? attachmentPath(id, "thumbnail") + query : null,
    expiresAt: timeOf(expiresAt),
  };
}

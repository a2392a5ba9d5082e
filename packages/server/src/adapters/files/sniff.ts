import { isUtf8 } from "node:buffer";
import { Refusal } from "@parlance/protocol/errors.ts";
import { fileTypeFromBuffer } from "file-type";

/** As much of a file's beginning as is looked at. */
export const HEAD_BYTES = 64 * 1024;

const UNKNOWN = "application/octet-stream";
const TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,63}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/;

/** Other names of what is found under one. */
const ALIASES: Readonly<Record<string, string>> = {
  "image/jpg": "image/jpeg",
  "image/pjpeg": "image/jpeg",
  "image/x-png": "image/png",
  "image/apng": "image/png",
  "image/vnd.microsoft.icon": "image/x-icon",
  "image/x-ms-bmp": "image/bmp",
  "audio/mp3": "audio/mpeg",
  "audio/x-wav": "audio/wav",
  "audio/wave": "audio/wav",
  "audio/vnd.wave": "audio/wav",
  "audio/x-flac": "audio/flac",
  "audio/x-m4a": "audio/mp4",
  "audio/m4a": "audio/mp4",
  "video/x-m4v": "video/mp4",
  "video/avi": "video/vnd.avi",
  "video/x-msvideo": "video/vnd.avi",
  "application/x-pdf": "application/pdf",
  "application/x-zip-compressed": "application/zip",
  "application/x-gzip": "application/gzip",
  "application/x-rar-compressed": "application/x-rar",
  "application/vnd.rar": "application/x-rar",
  "text/xml": "application/xml",
};

/** Types without a mark of their own: what is found in them is one of these containers. */
const CONTAINERS: Readonly<Record<string, RegExp>> = {
  "application/zip":
    /^application\/(vnd\.(openxmlformats-officedocument|oasis\.opendocument|ms-|android|apple)|epub\+zip|java-archive|x-java|x-xpinstall|.*\+zip)/,
  "application/x-cfb": /^application\/(msword|vnd\.(ms-|visio)|x-msi)/,
  "application/xml": /^(application|image|text)\/([a-z0-9.-]+\+)?xml$/,
  "video/mp4": /^audio\/mp4$/,
  "audio/mp4": /^video\/mp4$/,
  "video/3gpp": /^audio\/3gpp$/,
  "video/x-ms-asf": /^(audio|video)\/x-ms-(wm[av]|asf)$/,
  "image/heic": /^image\/heif$/,
  "image/heif": /^image\/heic$/,
  "video/webm": /^(audio\/webm|video\/(x-)?matroska|audio\/(x-)?matroska)$/,
  "video/matroska": /^(video|audio)\/(webm|(x-)?matroska)$/,
  "audio/ogg": /^(video|application)\/ogg$/,
  "video/ogg": /^(audio|application)\/ogg$/,
  "application/ogg": /^(video|audio)\/ogg$/,
  "video/quicktime": /^video\/mp4$/,
  "application/gzip": /^application\/(x-)?(compressed-tar|tgz|gtar)$/,
};

/** What would have been found in a true one. */
const HAS_MARK =
  /^(image\/(?!svg\+xml$|x-)|audio\/(?!(x-)?midi$|basic$|x-mpegurl$)|video\/(?!mp2t$|x-ms)|font\/|application\/(pdf|zip|gzip|x-7z-compressed|x-rar|vnd\.openxmlformats-officedocument))/;

/**
 * What a file is, from its first bytes; what its sender calls it counts only where the bytes cannot tell. Refuses
 * with `unsupported_media_type` where the two cannot both be true.
 * @param head up to HEAD_BYTES; all of a smaller file
 */
export async function sniff(head: Buffer, called: string | null): Promise<string> {
  const declared = normal(called);
  const isPlain = isText(head);
  let found = normal((await fileTypeFromBuffer(head).catch(() => undefined))?.mime ?? null);
  // A text may begin with a mark by chance, such as BM; pictures, sounds and fonts are never texts to their end.
  if (isPlain && /^(image|audio|video|font)\//.test(found ?? "")) found = null;
  if (declared === null) return found ?? (isPlain ? "text/plain" : UNKNOWN);
  const isTrue =
    found === null
      ? !HAS_MARK.test(declared) && (isPlain || !declared.startsWith("text/"))
      : declared === found || CONTAINERS[found]?.test(declared) || (isPlain && declared.startsWith("text/"));
  if (isTrue) return declared;
  // What no bytes could prove is no lie either: then what is found counts.
  if (found !== null && !HAS_MARK.test(declared) && !declared.startsWith("text/")) return found;
  throw new Refusal("unsupported_media_type", `The file is not what it is called (${declared})`);
}

/** The last character of a head that was cut may be cut in two. */
function isText(head: Buffer): boolean {
  if (head.includes(0)) return false;
  const cuts = head.length < HEAD_BYTES ? [0] : [0, 1, 2, 3];
  return cuts.some((cut) => isUtf8(head.subarray(0, head.length - cut)));
}

/** Lower case, without parameters, under its common name; null where it says nothing. */
function normal(type: string | null): string | null {
  const bare = (type ?? "").split(";", 1)[0]!.trim().toLowerCase();
  if (!TYPE.test(bare) || bare === UNKNOWN || bare === "binary/octet-stream") return null;
  return ALIASES[bare] ?? bare;
}

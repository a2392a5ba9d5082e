import { orientationOf } from "./exif.ts";
import { countParts } from "./parts.ts";
import type { Picture } from "./picture.ts";

const HEADER_BYTES = 12;
const ANIMATION = 0x02;
const XMP = 0x04;
const EXIF = 0x08;

/** Throws a RangeError where the file ends before the picture does. */
export function readWebp(file: Buffer): Picture {
  const fileEnd = 8 + file.readUInt32LE(4);
  if (fileEnd > file.length) throw new RangeError("cut off");
  const chunks: Buffer[] = [];
  let size = { width: 0, height: 0 };
  let orientation = 1;
  let isAnimated = false;
  let isWhole = fileEnd === file.length;
  const count = countParts();
  for (let at = HEADER_BYTES; at + 8 <= fileEnd; ) {
    count();
    const type = file.toString("latin1", at, at + 4);
    const length = file.readUInt32LE(at + 4);
    const end = at + 8 + length + (length % 2);
    if (at + 8 + length > fileEnd) throw new RangeError("cut off");
    const body = file.subarray(at + 8, at + 8 + length);
    if (size.width === 0) size = sizeIn(type, body);
    if (type === "EXIF") orientation = orientationOf(withoutPreamble(body));
    if (type === "EXIF" || type === "XMP ") isWhole = false;
    else if (type === "VP8X") {
      const flags = body.readUInt8(0);
      isAnimated = (flags & ANIMATION) !== 0;
      const chunk = Buffer.from(file.subarray(at, end));
      chunk.writeUInt8(flags & ~(EXIF | XMP), 8);
      chunks.push(chunk);
    } else chunks.push(file.subarray(at, end));
    at = end;
  }
  if (isWhole) return { ...size, orientation, isAnimated, kept: null };
  const header = Buffer.from(file.subarray(0, HEADER_BYTES));
  header.writeUInt32LE(
    chunks.reduce((sum, chunk) => sum + chunk.length, 4),
    4,
  );
  return { ...size, orientation, isAnimated, kept: [header, ...chunks] };
}

/** Of the first chunk, which is one of these three. */
function sizeIn(type: string, body: Buffer): { width: number; height: number } {
  if (type === "VP8X") return { width: body.readUIntLE(4, 3) + 1, height: body.readUIntLE(7, 3) + 1 };
  if (type === "VP8L") {
    const bits = body.readUInt32LE(1);
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  if (type === "VP8 ") return { width: body.readUInt16LE(6) & 0x3fff, height: body.readUInt16LE(8) & 0x3fff };
  throw new RangeError("no size");
}

/** Some writers begin it as JPEG does. */
const withoutPreamble = (body: Buffer): Buffer =>
  body.toString("latin1", 0, 6) === "Exif\0\0" ? body.subarray(6) : body;

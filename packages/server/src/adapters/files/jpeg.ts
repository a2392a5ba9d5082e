import { orientationOf } from "./exif.ts";
import { countParts } from "./parts.ts";
import type { Picture } from "./picture.ts";

const EXIF = "Exif\0\0";
const ICC = "ICC_PROFILE\0";
const SOS = 0xda;
const EOI = 0xd9;

/** Throws a RangeError where the file ends before the picture does. */
export function readJpeg(file: Buffer): Picture {
  const kept: Buffer[] = [file.subarray(0, 2)];
  let width = 0;
  let height = 0;
  let orientation = 1;
  let at = 2;
  const count = countParts();
  for (;;) {
    count();
    if (file.readUInt8(at) !== 0xff) throw new RangeError("no marker");
    const marker = file.readUInt8(at + 1);
    if (marker === 0xff) {
      at++;
      continue;
    }
    if (marker === EOI) {
      kept.push(file.subarray(at, at + 2));
      const isWhole =
        at + 2 === file.length && kept.reduce((sum, part) => sum + part.length, 0) === file.length;
      return { width, height, orientation, isAnimated: false, kept: isWhole ? null : kept };
    }
    if (isBare(marker)) {
      kept.push(file.subarray(at, at + 2));
      at += 2;
      continue;
    }
    const end = at + 2 + file.readUInt16BE(at + 2);
    if (end > file.length || end < at + 4) throw new RangeError("cut off");
    const body = file.subarray(at + 4, end);
    if (isFrame(marker)) {
      height = body.readUInt16BE(1);
      width = body.readUInt16BE(3);
    }
    if (marker === 0xe1 && body.toString("latin1", 0, EXIF.length) === EXIF) {
      orientation = orientationOf(body.subarray(EXIF.length));
    }
    const next = marker === SOS ? endOfScan(file, end) : end;
    if (isKept(marker, body)) kept.push(file.subarray(at, next));
    at = next;
  }
}

/** Markers that nothing belongs to. */
const isBare = (marker: number): boolean => marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);

/** A frame's header, which has the size; the others in between are tables. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;

/** Of what applications add, only what changes how the picture looks: JFIF, the colour profile, Adobe's transform. */
function isKept(marker: number, body: Buffer): boolean {
  if (marker === 0xfe) return false;
  if (marker < 0xe0 || marker > 0xef) return true;
  if (marker === 0xe0) return body.toString("latin1", 0, 4) === "JFIF";
  if (marker === 0xe2) return body.toString("latin1", 0, ICC.length) === ICC;
  return marker === 0xee;
}

/** Where the next marker stands that is not part of the compressed data. */
function endOfScan(file: Buffer, from: number): number {
  // Byte by byte: a call for each would take a second where every other byte is one.
  for (let at = from; at + 1 < file.length; at++) {
    if (file[at] !== 0xff) continue;
    const marker = file[at + 1] as number;
    if (marker !== 0x00 && marker !== 0xff && !(marker >= 0xd0 && marker <= 0xd7)) return at;
  }
  throw new RangeError("cut off");
}

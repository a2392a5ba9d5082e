import { orientationOf } from "./exif.ts";
import { countParts } from "./parts.ts";
import type { Picture } from "./picture.ts";

const SIGNATURE_BYTES = 8;
const DROPPED = new Set(["eXIf", "tEXt", "zTXt", "iTXt", "tIME"]);

/** Throws a RangeError where the file ends before the picture does. */
export function readPng(file: Buffer): Picture {
  const kept: Buffer[] = [file.subarray(0, SIGNATURE_BYTES)];
  let width = 0;
  let height = 0;
  let orientation = 1;
  let isAnimated = false;
  let isWhole = true;
  const count = countParts();
  for (let at = SIGNATURE_BYTES; ; ) {
    count();
    const length = file.readUInt32BE(at);
    const type = file.toString("latin1", at + 4, at + 8);
    const end = at + 12 + length;
    if (end > file.length) throw new RangeError("cut off");
    const body = file.subarray(at + 8, end - 4);
    if (type === "IHDR") {
      width = body.readUInt32BE(0);
      height = body.readUInt32BE(4);
    }
    if (type === "acTL") isAnimated = true;
    if (type === "eXIf") orientation = orientationOf(body);
    if (DROPPED.has(type)) isWhole = false;
    else kept.push(file.subarray(at, end));
    at = end;
    if (type === "IEND") {
      return { width, height, orientation, isAnimated, kept: isWhole && at === file.length ? null : kept };
    }
  }
}

import { Refusal } from "@parlance/protocol/errors.ts";
import { readJpeg } from "./jpeg.ts";
import { readPng } from "./png.ts";
import { readWebp } from "./webp.ts";

/** What a picture's file says of it, found without decoding it. */
export interface Picture {
  /** Pixels, as they are stored. */
  readonly width: number;
  readonly height: number;
  /** How it is to be turned to be shown, as EXIF counts: 1 is as it is, 5 to 8 change the sides. */
  readonly orientation: number;
  readonly isAnimated: boolean;
  /**
   * The parts that make the picture, in order. What is left out: EXIF, XMP, IPTC, comments, texts, times, and
   * whatever follows its end. Null: all of the file.
   */
  readonly kept: readonly Buffer[] | null;
}

const READERS: Readonly<Record<string, (file: Buffer) => Picture>> = {
  "image/jpeg": readJpeg,
  "image/png": readPng,
  "image/webp": readWebp,
  "image/gif": (file) => ({
    width: file.readUInt16LE(6),
    height: file.readUInt16LE(8),
    orientation: 1,
    isAnimated: true,
    kept: null,
  }),
};

/** Null for types that are not read here; refuses with `invalid` what is damaged or cut off. */
export function readPicture(contentType: string, file: Buffer): Picture | null {
  const read = READERS[contentType];
  if (read === undefined) return null;
  try {
    const picture = read(file);
    if (picture.width > 0 && picture.height > 0) return picture;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  throw new Refusal("invalid", "The image is damaged");
}

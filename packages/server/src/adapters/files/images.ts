import { Refusal } from "@parlance/protocol/errors.ts";
import type { Log } from "../../core/ports/log.ts";

/** Makes other pictures of pictures. */
export interface Images {
  /** The picture turned as it is to be shown, in its own format and without what a camera wrote beside it. */
  upright(file: Buffer): Promise<Buffer>;
  /** Null where it took too long. Refuses with `invalid` what cannot be decoded, `too_large` over the limit of pixels. */
  thumbnail(
    file: Buffer,
  ): Promise<{ readonly webp: Buffer; readonly width: number; readonly height: number } | null>;
}

/** 64 megapixels: what decoding may take of memory, here 256 MB, and of everybody who looks at it. */
export const MAX_PIXELS = 64_000_000;
const THUMBNAIL_PIXELS = 640;
const THUMBNAIL_QUALITY = 78;
const QUALITY = 92;
const DECODE_SECONDS = 10;
/** Everything else that the library could read is switched off: SVG, PDF, raw files. */
const LOADERS = ["Jpeg", "Png", "Webp", "Nsgif", "Heif"].map((format) => `VipsForeignLoad${format}Buffer`);

/** With the library that does it, which is an optional dependency; null where it is not there. */
export async function loadImages(log: Log): Promise<Images | null> {
  const sharp = await import("sharp").then(
    (module) => module.default,
    () => null,
  );
  if (sharp === null) {
    log.info({}, "sharp is not installed: images get no thumbnails");
    return null;
  }
  sharp.cache(false);
  sharp.concurrency(1);
  sharp.block({ operation: ["VipsForeignLoad"] });
  sharp.unblock({ operation: LOADERS });
  const decode = (file: Buffer) =>
    sharp(file, { limitInputPixels: MAX_PIXELS, failOn: "error", sequentialRead: true })
      .autoOrient()
      .timeout({ seconds: DECODE_SECONDS });

  return {
    async upright(file) {
      const turned = decode(file).keepIccProfile();
      return await turned
        .jpeg({ quality: QUALITY, force: false })
        .webp({ quality: QUALITY, force: false })
        .toBuffer()
        .catch(refuse);
    },
    async thumbnail(file) {
      try {
        const picture = decode(file);
        const { autoOrient } = await picture.metadata();
        const webp = await picture
          .resize(THUMBNAIL_PIXELS, THUMBNAIL_PIXELS, { fit: "inside", withoutEnlargement: true })
          .webp({ quality: THUMBNAIL_QUALITY })
          .toBuffer();
        return { webp, width: autoOrient.width, height: autoOrient.height };
      } catch (error) {
        if (/timeout/i.test(String(error))) return null;
        return refuse(error);
      }
    },
  };
}

function refuse(error: unknown): never {
  if (/pixel limit/i.test(String(error))) throw tooManyPixels();
  throw new Refusal("invalid", "The image is damaged");
}

export function tooManyPixels(): Refusal {
  return new Refusal("too_large", `The image has more than ${MAX_PIXELS / 1_000_000} million pixels`);
}

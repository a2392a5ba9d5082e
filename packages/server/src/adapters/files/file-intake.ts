import { randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { Refusal } from "@parlance/protocol/errors.ts";
import type { BlobSource } from "../../core/ports/blobs.ts";
import type { FileIntake, IntakeWish, TakenFile } from "../../core/ports/file-intake.ts";
import { orientationOnly } from "./exif.ts";
import { type Images, MAX_PIXELS, tooManyPixels } from "./images.ts";
import { type Picture, readPicture } from "./picture.ts";
import { HEAD_BYTES, sniff } from "./sniff.ts";
import { createTurns } from "./turns.ts";

export interface FileIntakeOptions {
  /** Where files lie while they are looked into. */
  readonly directory: string;
  readonly images: Images | null;
}

/** Files under way at once, of all and of one person; one more is answered `overloaded`. */
const MAX_UNDER_WAY = 64;
const MAX_OF_ONE = 8;
/** Pictures in memory at once. */
const MAX_DECODING = 2;
const SHOWABLE = new Set(["image/jpeg", "image/png", "image/webp", "image/gif", "image/avif"]);

interface Shown {
  readonly width: number | null;
  readonly height: number | null;
  readonly thumbnail: BlobSource | null;
}

export function createFileIntake({ directory, images }: FileIntakeOptions): FileIntake {
  const decoding = createTurns(MAX_DECODING);
  const underWay = new Map<string, number>();
  let all = 0;

  const begin = (uploaderId: string): void => {
    const own = underWay.get(uploaderId) ?? 0;
    if (all >= MAX_UNDER_WAY || own >= MAX_OF_ONE) {
      throw new Refusal("overloaded", "Too many uploads at once, try again", 5);
    }
    all++;
    underWay.set(uploaderId, own + 1);
  };
  const end = (uploaderId: string): void => {
    all--;
    const own = underWay.get(uploaderId) ?? 0;
    if (own > 1) underWay.set(uploaderId, own - 1);
    else underWay.delete(uploaderId);
  };

  /** Without a name from the start, so that nothing is left of it whatever ends this process. */
  const openNameless = async (): Promise<FileHandle> => {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const path = join(directory, randomUUID());
    const file = await open(path, "wx+", 0o600);
    await rm(path);
    return file;
  };

  /** Takes out of a picture what is not to be seen, and makes its thumbnail. */
  const develop = async (
    file: FileHandle,
    size: number,
    contentType: string,
  ): Promise<Shown & { size: number }> => {
    const original = await readAll(file, size);
    const picture = readPicture(contentType, original);
    if (picture !== null && picture.width * picture.height > MAX_PIXELS) throw tooManyPixels();
    const isTurned = picture !== null && picture.orientation !== 1 && !picture.isAnimated;
    let result = original;
    if (isTurned && images !== null) {
      result = await images.upright(original);
    } else if (picture !== null && picture.kept !== null) {
      const [start, ...rest] = picture.kept as readonly [Buffer, ...Buffer[]];
      // Without the library that turns pictures, whoever shows it must.
      const turning = isTurned && contentType === "image/jpeg" ? [orientationOnly(picture.orientation)] : [];
      result = Buffer.concat([start, ...turning, ...rest]);
    }
    const made = (await images?.thumbnail(result)) ?? null;
    const { width, height } = made ?? sizeOf(picture);
    if (result !== original) await replace(file, result);
    const thumbnail = made === null ? null : { size: made.webp.length, read: () => one(made.webp) };
    return { width, height, thumbnail, size: result.length };
  };

  const take = async (
    file: FileHandle,
    content: AsyncIterable<Uint8Array>,
    wish: IntakeWish,
  ): Promise<TakenFile> => {
    const { size, contentType } = await spool(file, content, wish);
    const shown = SHOWABLE.has(contentType)
      ? await decoding.run(() => develop(file, size, contentType))
      : { size, width: null, height: null, thumbnail: null };
    return {
      ...shown,
      contentType,
      read: () => file.createReadStream({ start: 0, autoClose: false }),
      discard: () => file.close(),
    };
  };

  return {
    async take(content, wish) {
      begin(wish.uploaderId);
      let file: FileHandle | null = null;
      try {
        file = await openNameless();
        const taken = await take(file, content, wish);
        return {
          ...taken,
          async discard() {
            end(wish.uploaderId);
            await taken.discard();
          },
        };
      } catch (error) {
        end(wish.uploaderId);
        await file?.close();
        throw toRefusal(error);
      }
    },
  };
}

/** Writes it down, and finds out from its beginning whether it is to be had at all. */
async function spool(
  file: FileHandle,
  content: AsyncIterable<Uint8Array>,
  wish: IntakeWish,
): Promise<{ size: number; contentType: string }> {
  let size = 0;
  let head: Buffer[] | null = [];
  let contentType = "";
  const look = async (): Promise<void> => {
    contentType = await sniff(Buffer.concat(head ?? []).subarray(0, HEAD_BYTES), wish.contentType);
    head = null;
    if (!wish.isAllowed(contentType)) {
      throw new Refusal("unsupported_media_type", `Files of type ${contentType} are not accepted`);
    }
  };
  for await (const chunk of content) {
    size += chunk.length;
    if (size > wish.maxBytes)
      throw new Refusal("too_large", `The file is larger than ${wish.maxBytes} bytes`);
    head?.push(Buffer.from(chunk));
    if (head !== null && size >= HEAD_BYTES) await look();
    await file.writeFile(chunk);
  }
  if (size === 0) throw new Refusal("invalid", "The file is empty");
  if (head !== null) await look();
  return { size, contentType };
}

function sizeOf(picture: Picture | null): { readonly width: number | null; readonly height: number | null } {
  if (picture === null) return { width: null, height: null };
  const { width, height, orientation } = picture;
  return orientation < 5 ? { width, height } : { width: height, height: width };
}

async function readAll(file: FileHandle, size: number): Promise<Buffer> {
  const whole = Buffer.allocUnsafe(size);
  for (let at = 0; at < size; ) {
    const { bytesRead } = await file.read(whole, at, size - at, at);
    if (bytesRead === 0) throw new Error("a file has lost its end");
    at += bytesRead;
  }
  return whole;
}

async function replace(file: FileHandle, content: Buffer): Promise<void> {
  await file.truncate(0);
  for (let at = 0; at < content.length; ) {
    at += (await file.write(content, at, content.length - at, at)).bytesWritten;
  }
}

async function* one(chunk: Buffer): AsyncIterable<Uint8Array> {
  yield chunk;
}

function toRefusal(error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== "ENOSPC" && code !== "EDQUOT") return error;
  return new Refusal("unavailable", "The server has no room for files now, try again later", 60);
}

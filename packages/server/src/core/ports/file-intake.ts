import type { BlobSource } from "./blobs.ts";

export interface IntakeWish {
  /** Whose it is: nobody may have more than a few under way. */
  readonly uploaderId: string;
  /** What its sender calls it; null: nothing. */
  readonly contentType: string | null;
  readonly maxBytes: number;
  readonly isAllowed: (contentType: string) => boolean;
}

/** A file that has been looked into. It lies in a place of its own until it is discarded. */
export interface TakenFile extends BlobSource {
  readonly contentType: string;
  /** Pixels, as it is shown; null where it is no image we can measure. */
  readonly width: number | null;
  readonly height: number | null;
  /** WebP, for images only. */
  readonly thumbnail: BlobSource | null;
  discard(): Promise<void>;
}

/** Reads what people send as files, and finds out what it is. */
export interface FileIntake {
  /**
   * Refuses with `too_large`, `unsupported_media_type` (not allowed, or not what it is called), `invalid` (empty, or
   * a damaged image), `overloaded` or `unavailable` (no room to work), as early as the bytes show it, and leaves
   * nothing then. What a camera writes into JPEG, PNG and WebP beside the picture is taken out; all else stays byte
   * for byte.
   */
  take(content: AsyncIterable<Uint8Array>, wish: IntakeWish): Promise<TakenFile>;
}

/** Bytes to be kept, of a size that is known before the first is read. */
export interface BlobSource {
  readonly size: number;
  /** From the beginning, each time it is called. */
  read(): AsyncIterable<Uint8Array>;
}

export interface LinkHeaders {
  readonly contentType: string;
  readonly contentDisposition: string;
}

/**
 * Where the bytes of files lie. A key is written once, is made by us (letters, digits, dots and dashes) and tells
 * nothing of what is under it.
 */
export interface Blobs {
  /**
   * Resolves when a power failure would not lose it; where it rejects, nothing is to be had under the key. The same
   * key again replaces what was there.
   */
  write(key: string, source: BlobSource): Promise<void>;
  /** The bytes from `first` to `last`, both in it and both there. */
  read(
    key: string,
    range: { readonly first: number; readonly last: number },
  ): Promise<AsyncIterable<Uint8Array>>;
  /** What is not there is removed already. */
  remove(keys: readonly string[]): Promise<void>;
  /** Where whoever knows the link gets it for a minute, under these headers; null where only we give it out. */
  link(key: string, headers: LinkHeaders): Promise<string | null>;
}

/**
 * - `full`: there is no room for it now.
 * - `missing`: there is nothing under the key.
 * - `unavailable`: it cannot be reached or refuses.
 */
export class BlobError extends Error {
  readonly kind: "full" | "missing" | "unavailable";

  /** @param code of the file system or the service; never a path or a credential */
  constructor(kind: BlobError["kind"], code: string) {
    super(`blobs: ${kind} (${code})`);
    this.name = "BlobError";
    this.kind = kind;
  }
}

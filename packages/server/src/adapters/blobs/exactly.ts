import { BlobError, type BlobSource } from "../../core/ports/blobs.ts";

/** The bytes of a source, which fail where they are not as many as was said. */
export async function* exactly({ size, read }: BlobSource): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of read()) {
    bytes += chunk.length;
    if (bytes > size) break;
    yield chunk;
  }
  if (bytes !== size) throw new BlobError("unavailable", "wrong size");
}

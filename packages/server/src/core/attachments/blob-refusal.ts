import { Refusal } from "@parlance/protocol/errors.ts";
import { BlobError } from "../ports/blobs.ts";

/** To be rejected with instead of a failure of the file store. */
export function refuseBlobError(error: unknown): never {
  if (!(error instanceof BlobError)) throw error;
  if (error.kind === "missing") throw new Refusal("not_found", "There is no such attachment");
  const why = error.kind === "full" ? "has no room" : "cannot be reached";
  throw new Refusal("unavailable", `The file store ${why}, try again later`, 10);
}

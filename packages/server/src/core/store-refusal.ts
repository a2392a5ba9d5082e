import { Refusal } from "@parlance/protocol/errors.ts";
import { StoreError } from "./ports/message-log.ts";

/** To be rejected with instead: a store that fails is a refusal the caller may act on, not a fault of ours. */
export function refuseStoreError(error: unknown): never {
  if (!(error instanceof StoreError)) throw error;
  if (error.kind === "poison") throw new Refusal("invalid", "The store cannot hold or look up such a value");
  throw new Refusal("unavailable", "The store cannot be reached, try again", 1);
}

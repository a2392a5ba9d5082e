import { Refusal } from "@parlance/protocol/errors.ts";
import { readId } from "@parlance/protocol/ids.ts";

/**
 * A conversation by any spelling. Refuses with `invalid` what is none, and what cannot be anybody's like a conversation
 * that is not the caller's.
 * @param field what the document calls it
 */
export function conversationOf(spelling: unknown, field = "conversation_id"): number {
  const id = readId("conversation", spelling);
  if (id === "malformed") throw new Refusal("invalid", `${field} is not an id`);
  if (id === "unknown") {
    throw new Refusal("not_participant", "User is not a participant in this conversation");
  }
  return id;
}

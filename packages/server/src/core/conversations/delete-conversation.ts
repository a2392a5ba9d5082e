import type { Changed, DeleteConversation } from "@parlance/protocol/commands.ts";
import type { Caller } from "../caller.ts";
import { changeUnderPolicy } from "../change.ts";
import type { Parts } from "../parts.ts";
import { actingUser, mayDeleteConversation } from "../policy.ts";

/** Ends a conversation for everyone: all hear of it as of their removal, and nobody can read it any more. */
export async function deleteConversation(
  parts: Pick<Parts, "writer" | "standings">,
  caller: Caller,
  { conversationId }: DeleteConversation,
): Promise<Changed> {
  const by = actingUser(caller);
  return await changeUnderPolicy(parts, conversationId, by, mayDeleteConversation, ({ role }) => ({
    kind: "delete-conversation",
    conversationId,
    by,
    asRole: role,
  }));
}

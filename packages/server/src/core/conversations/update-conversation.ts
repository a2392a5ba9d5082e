import type { Changed, UpdateConversation } from "@parlance/protocol/commands.ts";
import { Refusal } from "@parlance/protocol/errors.ts";
import type { Caller } from "../caller.ts";
import { changeUnderPolicy } from "../change.ts";
import type { Parts } from "../parts.ts";
import { actingUser, mayUpdate } from "../policy.ts";
import { checkFace, checkSettings } from "./settings.ts";

export async function updateConversation(
  parts: Pick<Parts, "writer" | "standings" | "messageLimit">,
  caller: Caller,
  command: UpdateConversation,
): Promise<Changed> {
  const { conversationId, name, description, avatarUrl, settings } = command;
  const by = actingUser(caller);
  checkFace(command);
  const given = {
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    ...(avatarUrl !== undefined && { avatarUrl }),
    ...(settings !== undefined && { settings: checkSettings(settings) }),
  };
  if (Object.keys(given).length === 0) throw new Refusal("invalid", "Nothing to change was given");
  await parts.messageLimit.take(caller);
  return await changeUnderPolicy(parts, conversationId, by, mayUpdate, ({ role }) => ({
    kind: "settings",
    conversationId,
    by,
    asRole: role,
    tell: true,
    ...given,
  }));
}

import type { Changed, UpdateConversation } from "@parlance/protocol/commands.ts";
import { Refusal } from "@parlance/protocol/errors.ts";
import type { Caller } from "../caller.ts";
import { changeUnderPolicy } from "../change.ts";
import { checkText } from "../messages/content.ts";
import type { Parts } from "../parts.ts";
import { actingUser, mayUpdate } from "../policy.ts";
import { checkName } from "./open-conversation.ts";

const MAX_DESCRIPTION_LENGTH = 2_000;
const MAX_URL_LENGTH = 2_000;

export async function updateConversation(
  parts: Pick<Parts, "writer" | "standings">,
  caller: Caller,
  command: UpdateConversation,
): Promise<Changed> {
  const { conversationId, name, description, avatarUrl, settings } = command;
  const by = actingUser(caller);
  if (typeof name === "string") checkName(name);
  if (typeof description === "string") checkLength(description, "description", MAX_DESCRIPTION_LENGTH);
  if (typeof avatarUrl === "string") checkLength(avatarUrl, "avatarUrl", MAX_URL_LENGTH);
  const given = {
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    ...(avatarUrl !== undefined && { avatarUrl }),
    ...(settings !== undefined && { settings }),
  };
  if (Object.keys(given).length === 0) throw new Refusal("invalid", "Nothing to change was given");
  return await changeUnderPolicy(parts, conversationId, by, mayUpdate, ({ role }) => ({
    kind: "settings",
    conversationId,
    by,
    asRole: role,
    ...given,
  }));
}

function checkLength(text: string, name: string, max: number): void {
  checkText(text, name);
  if ([...text].length > max) throw new Refusal("invalid", `${name} is longer than ${max} characters`);
}

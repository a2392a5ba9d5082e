import type { DeleteMessage, EditMessage, MessageChanged, React } from "@parlance/protocol/commands.ts";
import { Refusal } from "@parlance/protocol/errors.ts";
import type { Message } from "@parlance/protocol/model.ts";
import type { Caller } from "../caller.ts";
import { changeUnderPolicy, type Done } from "../change.ts";
import type { Parts } from "../parts.ts";
import { actingUser, mayDelete, mayEdit, mayReact } from "../policy.ts";
import { checkContent } from "./content.ts";
import { normalEmoji } from "./emoji.ts";

type ChangeParts = Pick<Parts, "reader" | "writer" | "standings" | "contentLimits" | "reactionLimit">;

const MAX_EMOJI_PER_MESSAGE = 50;

export async function editMessage(
  parts: ChangeParts,
  caller: Caller,
  command: EditMessage,
): Promise<MessageChanged> {
  const { conversationId, messageId, content } = command;
  const by = actingUser(caller);
  checkContent(content, parts.contentLimits);
  const done = await changeUnderPolicy(
    parts,
    conversationId,
    by,
    async () => mayEdit(caller, await existing(parts, conversationId, messageId)),
    ({ role }) => ({ kind: "edit", conversationId, by, asRole: role, messageId, content }),
  );
  return changedMessage(done);
}

/** A tombstone stays: its place, its sender, no content. */
export async function deleteMessage(
  parts: ChangeParts,
  caller: Caller,
  command: DeleteMessage,
): Promise<MessageChanged> {
  const { conversationId, messageId } = command;
  const by = actingUser(caller);
  const done = await changeUnderPolicy(
    parts,
    conversationId,
    by,
    async (standing) => mayDelete(caller, standing, await existing(parts, conversationId, messageId)),
    ({ role }) => ({ kind: "delete", conversationId, by, asRole: role, messageId }),
  );
  return changedMessage(done);
}

export async function react(parts: ChangeParts, caller: Caller, command: React): Promise<MessageChanged> {
  const { conversationId, messageId, add } = command;
  const by = actingUser(caller);
  const emoji = normalEmoji(command.emoji);
  if (emoji === null) throw new Refusal("invalid", "emoji must be one emoji");
  parts.reactionLimit.take(caller);
  const done = await changeUnderPolicy(parts, conversationId, by, mayReact, ({ role }) => ({
    kind: "react",
    conversationId,
    by,
    asRole: role,
    messageId,
    emoji,
    add,
    maxEmoji: MAX_EMOJI_PER_MESSAGE,
  }));
  return changedMessage(done);
}

async function existing(
  { reader }: ChangeParts,
  conversationId: number,
  messageId: number,
): Promise<Message> {
  const message = await reader.message(conversationId, messageId);
  if (message === null) throw new Refusal("not_found", "There is no such message in this conversation");
  return message;
}

function changedMessage({ message, changed }: Done): MessageChanged {
  return { message: message as Message, changed };
}

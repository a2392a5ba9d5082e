import type { DeleteMessage, EditMessage, MessageChanged, React } from "@parlance/protocol/commands.ts";
import { Refusal } from "@parlance/protocol/errors.ts";
import type { Message } from "@parlance/protocol/model.ts";
import type { Caller } from "../caller.ts";
import { changeUnderPolicy, type Done } from "../change.ts";
import type { Parts } from "../parts.ts";
import { actingUser, mayDelete, mayEdit, mayReact } from "../policy.ts";
import { checkContent } from "./content.ts";
import { normalEmoji } from "./emoji.ts";
import { visibleFrom, visibleMessage } from "./visible.ts";

type ChangeParts = Pick<
  Parts,
  "reader" | "writer" | "standings" | "contentLimits" | "messageLimit" | "reactionLimit"
>;

const MAX_EMOJI_PER_MESSAGE = 50;

export async function editMessage(
  parts: ChangeParts,
  caller: Caller,
  command: EditMessage,
): Promise<MessageChanged> {
  const { conversationId, messageId, content } = command;
  const by = actingUser(caller);
  checkContent(content, parts.contentLimits);
  parts.messageLimit.take(caller);
  const done = await changeUnderPolicy(
    parts,
    conversationId,
    by,
    async (standing) => mayEdit(caller, await visibleMessage(parts.reader, standing, messageId)),
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
    async (standing) => mayDelete(caller, standing, await visibleMessage(parts.reader, standing, messageId)),
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
  const done = await changeUnderPolicy(
    parts,
    conversationId,
    by,
    async (standing) => {
      // Where all is visible the change itself finds whether it is there.
      if (visibleFrom(standing) > 0) await visibleMessage(parts.reader, standing, messageId);
      return mayReact(standing);
    },
    ({ role }) => ({
      kind: "react",
      conversationId,
      by,
      asRole: role,
      messageId,
      emoji,
      add,
      maxEmoji: MAX_EMOJI_PER_MESSAGE,
    }),
  );
  return changedMessage(done);
}

function changedMessage({ message, changed }: Done): MessageChanged {
  return { message: message as Message, changed };
}

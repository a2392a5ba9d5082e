import type { React, Reacted } from "@parlance/protocol/commands.ts";
import { Refusal } from "@parlance/protocol/errors.ts";
import type { Message } from "@parlance/protocol/model.ts";
import type { Caller } from "../caller.ts";
import { changeUnderPolicy } from "../change.ts";
import type { Parts } from "../parts.ts";
import { actingUser, mayReact } from "../policy.ts";
import { normalEmoji } from "./emoji.ts";
import { visibleFrom, visibleMessage } from "./visible.ts";

const MAX_EMOJI_PER_MESSAGE = 50;

export async function react(
  parts: Pick<Parts, "reader" | "writer" | "standings" | "users" | "reactionLimit">,
  caller: Caller,
  command: React,
): Promise<Reacted> {
  const { conversationId, messageId, add } = command;
  const by = actingUser(caller);
  const emoji = normalEmoji(command.emoji);
  if (emoji === null) throw new Refusal("invalid", "emoji must be one emoji");
  await parts.reactionLimit.take(caller);
  const byName = await parts.users.arrive(caller);
  const { message, changed, added } = await changeUnderPolicy(
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
      byName,
      asRole: role,
      messageId,
      emoji,
      add,
      maxEmoji: MAX_EMOJI_PER_MESSAGE,
    }),
  );
  return {
    message: message as Message,
    changed,
    userId: by,
    userName: byName,
    emoji,
    added: added ?? false,
  };
}

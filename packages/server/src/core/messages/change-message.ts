import type { DeleteMessage, EditMessage, MessageChanged, PinMessage } from "@parlance/protocol/commands.ts";
import { MAX_PINS, type Message } from "@parlance/protocol/model.ts";
import type { Caller } from "../caller.ts";
import { changeUnderPolicy, type Done } from "../change.ts";
import type { Parts } from "../parts.ts";
import { actingUser, mayDelete, mayEdit, mayPin, mayReach } from "../policy.ts";
import { checkContent } from "./content.ts";
import { mentionsIn } from "./mentions.ts";
import { visibleMessage } from "./visible.ts";

type ChangeParts = Pick<
  Parts,
  "reader" | "writer" | "standings" | "contentLimits" | "messageLimit" | "reactionLimit"
>;

export async function editMessage(
  parts: ChangeParts,
  caller: Caller,
  command: EditMessage,
): Promise<MessageChanged> {
  const { conversationId, messageId, content } = command;
  const by = actingUser(caller);
  // Whether it may be empty hangs on the message.
  checkContent(content, parts.contentLimits, true);
  await parts.messageLimit.take(caller);
  let mentions: readonly string[] | undefined;
  const done = await changeUnderPolicy(
    parts,
    conversationId,
    by,
    async (standing) => {
      const message = await visibleMessage(parts.reader, standing, messageId);
      const refusal = mayReach(standing) ?? mayEdit(caller, message);
      if (refusal === null) checkContent(content, parts.contentLimits, message.attachments !== null);
      if (refusal === null) mentions = await mentionsIn(parts.reader, conversationId, content);
      return refusal;
    },
    ({ role }) => ({
      kind: "edit",
      conversationId,
      by,
      asRole: role,
      messageId,
      content,
      ...(mentions !== undefined && { mentions }),
    }),
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

/** Pins for everybody, or takes the pin away; that is an event of the message, and not an edit. */
export async function pinMessage(
  parts: ChangeParts,
  caller: Caller,
  command: PinMessage,
): Promise<MessageChanged> {
  const { conversationId, messageId, pin } = command;
  const by = actingUser(caller);
  await parts.reactionLimit.take(caller);
  const done = await changeUnderPolicy(
    parts,
    conversationId,
    by,
    async (standing) => {
      await visibleMessage(parts.reader, standing, messageId);
      return mayPin(standing);
    },
    ({ role }) => ({ kind: "pin", conversationId, by, asRole: role, messageId, pin, maxPins: MAX_PINS }),
  );
  return changedMessage(done);
}

function changedMessage({ message, changed }: Done): MessageChanged {
  return { message: message as Message, changed };
}

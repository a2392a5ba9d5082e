import type { Queued, QueueMessage } from "@parlance/protocol/commands.ts";
import { Refusal } from "@parlance/protocol/errors.ts";
import type { Caller } from "../caller.ts";
import { openConversation, pairOf } from "../conversations/open-conversation.ts";
import type { Parts } from "../parts.ts";
import { checkMessage, giveDraft, type SendParts } from "./send-message.ts";

type QueueParts = SendParts & Pick<Parts, "writer" | "queue" | "people" | "maxParticipants" | "directs">;

/** Takes a message from one person to another, whose direct conversation is made on first use. */
export async function queueMessage(
  parts: QueueParts,
  caller: Caller,
  command: QueueMessage,
): Promise<Queued> {
  const { senderId, receiverId } = command;
  const pair = pairOf(senderId === receiverId ? [senderId] : [senderId, receiverId]);
  const known = parts.directs.get(pair);
  if (known !== undefined) {
    try {
      return await into(parts, caller, command, known);
    } catch (error) {
      // A database that was put back to an earlier state may not have it any more.
      if (!(error instanceof Refusal) || error.code !== "not_participant") throw error;
      parts.directs.delete(pair);
    }
  }
  checkMessage(parts, caller, { ...command, metadata: null });
  const { conversationId } = await openConversation(
    parts,
    { ...caller, userId: senderId },
    { type: "open-conversation", userIds: [senderId, receiverId], name: null, idempotencyKey: null },
  );
  parts.directs.set(pair, conversationId);
  return await into(parts, caller, command, conversationId);
}

function into(
  parts: QueueParts,
  caller: Caller,
  { senderId, content, idempotencyKey }: QueueMessage,
  conversationId: number,
): Promise<Queued> {
  return giveDraft(
    parts,
    caller,
    {
      type: "send-message",
      conversationId,
      senderId,
      idempotencyKey,
      messageType: "text",
      content,
      parentId: null,
      metadata: null,
      clientTime: null,
    },
    parts.queue.accept,
  );
}

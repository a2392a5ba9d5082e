import type { MarkMessageRead, MessageRead } from "@parlance/protocol/commands.ts";
import { Refusal } from "@parlance/protocol/errors.ts";
import type { Message } from "@parlance/protocol/model.ts";
import type { Caller } from "../caller.ts";
import { onlyVisible } from "../messages/visible.ts";
import type { Parts } from "../parts.ts";
import { mayMarkMessage, mayTakePart } from "../policy.ts";
import type { Waiting } from "../ports/queue.ts";
import type { Reader } from "../ports/reader.ts";

type MarkParts = Pick<Parts, "reader" | "writer" | "standings" | "queue">;

/**
 * Notes one message, named by its id alone, as read by its receiver; those below it stay as they are. Of one that is
 * still queued it is noted as soon as it is stored.
 */
export async function markMessageRead(
  parts: MarkParts,
  caller: Caller,
  { messageId }: MarkMessageRead,
): Promise<MessageRead> {
  const { reader, writer, queue } = parts;
  const stored = await reader.messageById(messageId);
  if (stored === null) {
    const waiting = await queue.find(messageId);
    if (waiting !== null) {
      const { userId } = await readerOf(parts, caller, waiting, null);
      if (await queue.markRead(messageId, userId)) return { userId };
    }
  }
  // What was neither here nor there may have gone from there to here meanwhile.
  const message = stored ?? (await reader.messageById(messageId));
  if (message === null) throw notFound();
  const { conversationId, seq } = message;
  const { userId } = await readerOf(parts, caller, message, message);
  await writer.markMessage({ conversationId, userId, seq });
  return { userId };
}

/** Who it is that has read a message; throws the refusal of one who may not say so. */
async function readerOf(
  { reader, standings }: MarkParts,
  caller: Caller,
  { conversationId, senderId }: Waiting,
  /** Null of one that is still to come, which is visible to all who are there. */
  message: Message | null,
): Promise<MessageRead> {
  const userId = caller.userId ?? (await onlyReceiver(reader, { conversationId, senderId }));
  const standing = await standings.read(conversationId, userId);
  // Whose conversation it is not must not learn from the answer that there is such a message.
  if (standing === null || mayTakePart(standing) !== null) throw notFound();
  if (message !== null) onlyVisible(standing, message);
  const refusal = mayMarkMessage(userId, standing, senderId);
  if (refusal !== null) throw refusal;
  return { userId };
}

const notFound = (): Refusal => new Refusal("not_found", "There is no such message");

/** For whom a caller that named nobody marks: the other of two, or the one that is alone. */
async function onlyReceiver(
  reader: Pick<Reader, "entries">,
  { conversationId, senderId }: Waiting,
): Promise<string> {
  const [entry] = await reader.entries(senderId, [conversationId]);
  const people = entry?.head.participants ?? [];
  if (entry?.head.conversation.kind !== "direct") {
    throw new Refusal(
      "invalid",
      "A group's message has more than one receiver: name the one that has read it",
    );
  }
  return people.find((person) => person.userId !== senderId)?.userId ?? senderId;
}

import type { MarkMessageRead, MessageRead } from "@parlance/protocol/commands.ts";
import { Refusal } from "@parlance/protocol/errors.ts";
import type { Message } from "@parlance/protocol/model.ts";
import type { Caller } from "../caller.ts";
import { onlyVisible } from "../messages/visible.ts";
import type { Parts } from "../parts.ts";
import { mayMarkMessage, mayTakePart } from "../policy.ts";
import type { Reader } from "../ports/reader.ts";

type MarkParts = Pick<Parts, "reader" | "writer" | "standings">;

/** Notes one message, named by its id alone, as read by its receiver; those below it stay as they are. */
export async function markMessageRead(
  { reader, writer, standings }: MarkParts,
  caller: Caller,
  { messageId }: MarkMessageRead,
): Promise<MessageRead> {
  const message = await reader.messageById(messageId);
  if (message === null) throw notFound();
  const { conversationId, seq } = message;
  const userId = caller.userId ?? (await onlyReceiver(reader, message));
  const standing = await standings.read(conversationId, userId);
  // Whose conversation it is not must not learn from the answer that there is such a message.
  if (standing === null || mayTakePart(standing) !== null) throw notFound();
  onlyVisible(standing, message);
  const refusal = mayMarkMessage(userId, standing, message);
  if (refusal !== null) throw refusal;
  await writer.markMessage({ conversationId, userId, seq });
  return { message, userId };
}

const notFound = (): Refusal => new Refusal("not_found", "There is no such message");

/** For whom a caller that named nobody marks: the other of two, or the one that is alone. */
async function onlyReceiver(
  reader: Pick<Reader, "entries">,
  { conversationId, senderId }: Message,
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

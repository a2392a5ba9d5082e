import type { Conversation, Message, Participant } from "./model.ts";

export type MessageStatus = "sending" | "failed" | "sent" | "delivered" | "read";

/** How far one's own message has come: delivered or read means by everybody else in the conversation. */
export function messageStatus(message: Message, conversation: Conversation | null): MessageStatus {
  if (message.state !== "stored") return message.state;
  const others = Object.values(conversation?.marks ?? {});
  // Over 100 people nobody's are told, and those who are there stand for no more than themselves.
  if (others.length === 0 || others.length + 1 < (conversation?.participantCount ?? 0)) return "sent";
  if (others.every(({ readSeq }) => readSeq >= message.seq)) return "read";
  return others.every(({ deliveredSeq }) => deliveredSeq >= message.seq) ? "delivered" : "sent";
}

/** Who of the others has read a message, as far as that is told. */
export function readersOf(message: Message, conversation: Conversation): readonly Participant[] {
  return conversation.participants.filter(
    ({ userId }) => userId !== message.senderId && (conversation.marks[userId]?.readSeq ?? 0) >= message.seq,
  );
}

/** What a conversation goes by: its name, else the names of the others in it. */
export function titleOf(conversation: Conversation, myUserId: string): string {
  if (conversation.name !== null) return conversation.name;
  const others = conversation.participants.filter(({ userId }) => userId !== myUserId);
  const people = others.length > 0 ? others : conversation.participants;
  return people.map(({ name, userId }) => name ?? userId).join(", ");
}

/** The other person of a direct conversation; oneself where one writes to oneself. */
export function otherOf(conversation: Conversation, myUserId: string): Participant | null {
  if (conversation.kind !== "direct") return null;
  const { participants } = conversation;
  return participants.find(({ userId }) => userId !== myUserId) ?? participants[0] ?? null;
}

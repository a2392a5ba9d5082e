import type { Parts } from "../parts.ts";

/**
 * Tells somebody's devices how a conversation stands in their list now. It is stored and so said to be done, even if
 * this cannot be: they hear of it when they resume.
 */
export async function tellEntry(
  { reader, bus }: Pick<Parts, "reader" | "bus">,
  userId: string,
  conversationId: number,
): Promise<void> {
  const [entry] = await reader.entries(userId, [conversationId]).catch(() => []);
  if (entry === undefined) return;
  const signal = { type: "entry" as const, conversationId, entry };
  bus.publish([{ topic: `user:${userId}`, kind: "personal", userId, signal }]);
}

import type {
  ConversationPeople,
  ParticipantsPage,
  ReadParticipants,
  ReadPeople,
} from "@parlance/protocol/queries.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../parts.ts";
import { actingUser, mayRead } from "../policy.ts";

export async function readParticipants(
  { reader, standings }: Pick<Parts, "reader" | "standings">,
  caller: Caller,
  { conversationId, after, limit }: ReadParticipants,
): Promise<ParticipantsPage> {
  const refusal = mayRead(caller, await standings.read(conversationId, caller.userId));
  if (refusal !== null) throw refusal;
  const found = await reader.participants({ conversationId, after, limit: limit + 1 });
  const participants = found.slice(0, limit);
  const last = participants.at(-1);
  const hasMore = found.length > limit && last !== undefined;
  return { participants, next: hasMore ? { joinedSeq: last.joinedSeq, userId: last.userId } : null };
}

export async function readPeople(
  { reader }: Pick<Parts, "reader">,
  caller: Caller,
  { conversationIds }: ReadPeople,
): Promise<readonly ConversationPeople[]> {
  return await reader.people(actingUser(caller), conversationIds);
}

import type { ParticipantDetail } from "@parlance/protocol/model.ts";
import type {
  ConversationPeople,
  ParticipantsPage,
  ReadParticipants,
  ReadPeople,
  SeenParticipant,
} from "@parlance/protocol/queries.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../parts.ts";
import { actingUser } from "../policy.ts";
import { readable } from "../standings.ts";

type PeopleParts = Pick<Parts, "reader" | "standings" | "presence" | "people">;

export async function readParticipants(
  parts: PeopleParts,
  caller: Caller,
  { conversationId, after, limit }: ReadParticipants,
): Promise<ParticipantsPage> {
  await readable(parts, caller, conversationId);
  const found = await parts.reader.participants({ conversationId, after, limit: limit + 1 });
  const participants = found.slice(0, limit);
  const last = participants.at(-1);
  const hasMore = found.length > limit && last !== undefined;
  const seen = await seenBy(parts, caller, participants);
  return {
    participants: participants.map(seen),
    next: hasMore ? { joinedSeq: last.joinedSeq, userId: last.userId } : null,
  };
}

export async function readPeople(
  parts: PeopleParts,
  caller: Caller,
  { conversationIds }: ReadPeople,
): Promise<readonly ConversationPeople[]> {
  const found = await parts.reader.people(actingUser(caller), conversationIds);
  const seen = await seenBy(
    parts,
    caller,
    found.flatMap(({ participants }) => participants),
  );
  return found.map(({ conversationId, participants }) => ({
    conversationId,
    participants: participants.map(seen),
  }));
}

/** Who shares a conversation with the caller is seen by them, unless one of the two has blocked the other. */
async function seenBy(
  { presence, people }: PeopleParts,
  { userId }: Caller,
  participants: readonly ParticipantDetail[],
): Promise<(participant: ParticipantDetail) => SeenParticipant> {
  const ids = [...new Set(participants.map((participant) => participant.userId))];
  const [states, barred] = await Promise.all([
    presence.read(ids),
    userId === null ? null : people.barredFrom([userId]),
  ]);
  const hidden = new Set(userId === null ? [] : barred?.get(userId));
  return (participant) => ({
    ...participant,
    online:
      !hidden.has(participant.userId) && (states.get(participant.userId)?.status ?? "offline") !== "offline",
  });
}

import type { AddParticipants, Changed, RemoveParticipant, SetRole } from "@parlance/protocol/commands.ts";
import { Refusal } from "@parlance/protocol/errors.ts";
import type { Role } from "@parlance/protocol/model.ts";
import type { Caller } from "../caller.ts";
import { changeUnderPolicy } from "../change.ts";
import type { Parts } from "../parts.ts";
import { actingUser, mayAdd, mayRemove, maySetRole } from "../policy.ts";
import { hideDirect } from "./set-preferences.ts";

type PeopleParts = Pick<
  Parts,
  "reader" | "writer" | "standings" | "users" | "people" | "bus" | "messageLimit" | "maxParticipants"
>;

/** Those who are in already are skipped. */
export async function addParticipants(
  parts: PeopleParts,
  caller: Caller,
  command: AddParticipants,
): Promise<Changed> {
  const { conversationId } = command;
  const by = actingUser(caller);
  const userIds = [...new Set(command.userIds)];
  if (userIds.length === 0) throw new Refusal("invalid", "participants must name at least one user");
  if (userIds.length > parts.maxParticipants) {
    throw new Refusal("invalid", `a conversation has at most ${parts.maxParticipants} participants`);
  }
  const { maxParticipants } = parts;
  // As much as a message: all hear of it, and whom it names may be made known by it.
  await parts.messageLimit.take(caller);
  return await changeUnderPolicy(
    parts,
    conversationId,
    by,
    async (standing) => {
      const refusal = mayAdd(standing);
      // Only then: who may not add people makes no users by naming them, nor learns who exists.
      if (refusal === null) await parts.users.meet(caller, userIds);
      return refusal;
    },
    ({ role }) => ({ kind: "add", conversationId, by, asRole: role, tell: true, userIds, maxParticipants }),
  );
}

/** Removes somebody, or, of oneself, leaves; who leaves a direct conversation only has it out of their lists. */
export async function removeParticipant(
  parts: PeopleParts,
  caller: Caller,
  command: RemoveParticipant,
): Promise<Changed> {
  const { conversationId, userId } = command;
  const by = actingUser(caller);
  if (userId === by) {
    const standing = await parts.standings.read(conversationId, by);
    if (standing?.kind === "direct" && standing.role !== null) return await hideDirect(parts, by, standing);
  } else await parts.messageLimit.take(caller);
  let userRole: Role | null = null;
  return await changeUnderPolicy(
    parts,
    conversationId,
    by,
    async (standing) => {
      userRole = userId === by ? null : ((await parts.reader.standing(conversationId, userId))?.role ?? null);
      return mayRemove(caller, standing, userId, userRole);
    },
    ({ role }) => ({
      kind: "remove",
      conversationId,
      by,
      asRole: role,
      tell: true,
      userId,
      ...(userRole !== null && { userRole }),
    }),
  );
}

export async function setRole(parts: PeopleParts, caller: Caller, command: SetRole): Promise<Changed> {
  const { conversationId, userId, role } = command;
  const by = actingUser(caller);
  await parts.messageLimit.take(caller);
  return await changeUnderPolicy(parts, conversationId, by, maySetRole, (standing) => ({
    kind: "role",
    conversationId,
    by,
    asRole: standing.role,
    userId,
    role,
  }));
}

import type { BlockUser } from "@parlance/protocol/commands.ts";
import type { Block, ReadBlocks } from "@parlance/protocol/queries.ts";
import type { Caller } from "../caller.ts";
import { pairOf } from "../conversations/open-conversation.ts";
import { tellEntry } from "../conversations/tell-entry.ts";
import type { Parts } from "../parts.ts";
import { actingUser, mayBlock } from "../policy.ts";

/**
 * Ends, or allows again, what the two say to and see of one another alone. The other is told nothing but what a user
 * who goes offline is seen to do.
 */
export async function blockUser(
  parts: Pick<Parts, "reader" | "people" | "bus" | "users" | "standings" | "presence">,
  caller: Caller,
  { userId: otherId, blocked }: BlockUser,
): Promise<{ readonly changed: boolean }> {
  const userId = actingUser(caller);
  const refusal = mayBlock(userId, otherId);
  if (refusal !== null) throw refusal;
  await parts.users.arrive(caller);
  await parts.users.meet(caller, [otherId]);
  const { changed, directId } = await parts.people.setBlock(
    userId,
    otherId,
    pairOf([userId, otherId]),
    blocked,
  );
  if (!changed) return { changed };
  if (directId !== null) {
    parts.standings.forget(directId);
    await tellEntry(parts, userId, directId);
  }
  await parts.presence.blockChanged(userId, otherId);
  return { changed };
}

export async function readBlocks(
  { people }: Pick<Parts, "people">,
  caller: Caller,
  _: ReadBlocks,
): Promise<readonly Block[]> {
  return await people.blocks(actingUser(caller));
}

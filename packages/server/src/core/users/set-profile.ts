import type { SetProfile } from "@parlance/protocol/commands.ts";
import { Refusal } from "@parlance/protocol/errors.ts";
import type { UserCard } from "@parlance/protocol/model.ts";
import { isDisplayName, MAX_NAME_LENGTH } from "@parlance/protocol/user-id.ts";
import type { Caller } from "../caller.ts";
import { checkUrl } from "../conversations/settings.ts";
import type { Parts } from "../parts.ts";
import { actingUser } from "../policy.ts";

/**
 * How the caller appears to others. A name chosen here stands, whatever a token says later; with null the token's
 * counts again. It takes no tick: who looks sees the new name, and what is told from then on carries it.
 */
export async function setProfile(
  { people, users, bus }: Pick<Parts, "people" | "users" | "bus">,
  caller: Caller,
  { name, avatarUrl }: SetProfile,
): Promise<UserCard> {
  const userId = actingUser(caller);
  if (typeof name === "string" && (!isDisplayName(name) || name.trim() === "")) {
    throw new Refusal(
      "invalid",
      `name must have 1 to ${MAX_NAME_LENGTH} characters and no control characters`,
    );
  }
  if (typeof avatarUrl === "string") checkUrl(avatarUrl, "avatarUrl");
  await users.arrive(caller);
  const given = { ...(name !== undefined && { name }), ...(avatarUrl !== undefined && { avatarUrl }) };
  if (Object.keys(given).length > 0) await people.setProfile(userId, given);
  users.forget(userId);
  bus.publish([{ topic: "everyone", kind: "user-changed", userId, deactivated: false }]);
  if (name === null) await users.arrive(caller);
  const [card] = await people.cards([userId]);
  return card as UserCard;
}

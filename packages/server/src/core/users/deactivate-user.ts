import type { DeactivateUser } from "@parlance/protocol/commands.ts";
import { Refusal } from "@parlance/protocol/errors.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../parts.ts";
import { mayManageUsers } from "../policy.ts";

/**
 * Shuts a user out, or lets them in again. What they wrote and where they take part stays. Their connections end
 * at once, on other nodes where the bus tells of it, else with the sweep.
 */
export async function deactivateUser(
  { people, users, bus }: Pick<Parts, "people" | "users" | "bus">,
  caller: Caller,
  { userId, deactivated }: DeactivateUser,
): Promise<{ readonly changed: boolean }> {
  const refusal = mayManageUsers(caller);
  if (refusal !== null) throw refusal;
  const changed = await people.setDeactivated(userId, deactivated);
  if (changed === null) throw new Refusal("not_found", "User not found");
  users.forget(userId);
  bus.publish([{ topic: "everyone", kind: "user-changed", userId, deactivated }]);
  return { changed };
}

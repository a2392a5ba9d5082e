import { Refusal } from "@parlance/protocol/errors.ts";
import type { ReadPresence, UserPresence } from "@parlance/protocol/queries.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../parts.ts";

/** Each is looked for in all of the caller's conversations. */
const MAX_USERS = 200;

/** Who is here, for a caller who shares a conversation with them; anybody else reads as offline, known or not. */
export async function readPresence(
  { people, presence }: Pick<Parts, "people" | "presence">,
  { userId }: Caller,
  { userIds }: ReadPresence,
): Promise<readonly UserPresence[]> {
  if (userIds.length > MAX_USERS) {
    throw new Refusal("invalid", `The presence of at most ${MAX_USERS} users is told at once`);
  }
  const seen = userId === null ? new Set(userIds) : await visibleTo(people, userId, userIds);
  const states = await presence.read([...seen]);
  return userIds.map(
    (id) =>
      states.get(id) ?? { userId: id, name: null, status: "offline", lastSeenAt: null, deviceType: null },
  );
}

async function visibleTo(
  people: Parts["people"],
  userId: string,
  userIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const [known, barred] = await Promise.all([
    people.acquainted(userId, userIds, null),
    people.barredFrom([userId]),
  ]);
  const hidden = new Set(barred.get(userId));
  return new Set(userIds.filter((id) => id === userId || (known.has(id) && !hidden.has(id))));
}

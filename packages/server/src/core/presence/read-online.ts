import type { OnlinePage, ReadOnline, UserPresence } from "@parlance/protocol/queries.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../parts.ts";
import { actingUser } from "../policy.ts";

/** So many are looked at in one go, and in so many goes for one page: who knows thousands who are away pages on. */
const LOOKED_AT = 1_000;
const MAX_LOOKS = 5;

export async function readOnline(
  { people, presence }: Pick<Parts, "people" | "presence">,
  caller: Caller,
  { after, limit }: ReadOnline,
): Promise<OnlinePage> {
  const userId = actingUser(caller);
  const { maxAudience: maxParticipants } = presence;
  const hidden = new Set((await people.barredFrom([userId])).get(userId));
  const online: UserPresence[] = [];
  let place = after;
  for (let look = 0; look < MAX_LOOKS; look++) {
    const ids = await people.contacts(userId, { maxParticipants, after: place, limit: LOOKED_AT });
    const states = await presence.read(ids.filter((id) => !hidden.has(id)));
    for (const id of ids) {
      const state = states.get(id);
      if (state === undefined || state.status === "offline") continue;
      if (online.length === limit) return { people: online, next: place };
      online.push(state);
      place = id;
    }
    if (ids.length < LOOKED_AT) return { people: online, next: null };
    place = ids.at(-1) as string;
  }
  return { people: online, next: place };
}

import { Refusal } from "@parlance/protocol/errors.ts";
import { isUserId } from "@parlance/protocol/user-id.ts";
import type { Caller } from "../caller.ts";
import { createGather } from "../gather.ts";
import type { UserRecord, UserStore } from "../ports/reader.ts";
import { Recent } from "../recent.ts";

const MAX_KNOWN = 200_000;
const MAX_AGE_MS = 60_000;

/** Who exists, and what they are called. */
export interface UserDirectory {
  /** Makes sure that the caller has a row, under the name it came with. Refuses the deactivated. Gives the name, at once where it is known. */
  arrive(caller: Caller): string | null | Promise<string | null>;
  /** Makes sure that people whom a caller names exist, or refuses with `not_found`. */
  meet(caller: Caller, userIds: readonly string[]): Promise<void>;
}

export function createUserDirectory(options: {
  readonly store: UserStore;
  /** Whether a plain user may name somebody who is not known yet. */
  readonly createUnknown: boolean;
}): UserDirectory {
  const { store } = options;
  const names = new Recent<string, { readonly name: string | null }>(MAX_KNOWN, MAX_AGE_MS);
  /** Many connect at once after a restart: they share two statements. */
  const welcome = createGather<string, UserRecord>(async (arrivals) => {
    const users = arrivals.map((one) => JSON.parse(one) as { id: string; name: string | null });
    await store.ensure([...new Map(users.map((user) => [user.id, user])).values()]);
    const found = new Map((await store.find(users.map((user) => user.id))).map((user) => [user.id, user]));
    return new Map(arrivals.map((one, i) => [one, found.get((users[i] as { id: string }).id) as UserRecord]));
  });

  const firstArrival = async (userId: string, name: string | null): Promise<string | null> => {
    const record = await welcome(JSON.stringify({ id: userId, name }));
    if (record?.deactivated) throw new Refusal("unauthenticated", "The user is deactivated");
    const found = record?.name ?? null;
    names.set(userId, { name: found });
    return found;
  };

  return {
    arrive({ userId, name }) {
      if (userId === null) return null;
      const known = names.get(userId);
      if (known !== undefined && (name === null || name === known.name)) return known.name;
      return firstArrival(userId, name);
    },

    async meet(caller, userIds) {
      for (const id of userIds) {
        if (!isUserId(id)) {
          throw new Refusal("invalid", "a user id must have 1 to 128 characters and no control characters");
        }
      }
      const strangers = userIds.filter((id) => names.get(id) === undefined);
      if (strangers.length === 0) return;
      const known = new Map((await store.find(strangers)).map((user) => [user.id, user]));
      const missing = strangers.filter((id) => !known.has(id));
      if (missing.length > 0) {
        if (!options.createUnknown && caller.rights === "user")
          throw new Refusal("not_found", "User not found");
        await store.ensure(missing.map((id) => ({ id, name: null })));
      }
      for (const id of strangers) names.set(id, { name: known.get(id)?.name ?? null });
    },
  };
}

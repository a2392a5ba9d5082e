import { Refusal } from "@parlance/protocol/errors.ts";
import { isUserId, MAX_USER_ID_LENGTH } from "@parlance/protocol/user-id.ts";
import type { Caller } from "../caller.ts";
import { createGather } from "../gather.ts";
import type { UserRecord, UserStore } from "../ports/reader.ts";
import { Recent } from "../recent.ts";

const MAX_KNOWN = 200_000;
const MAX_AGE_MS = 60_000;

interface KnownUser {
  readonly name: string | null;
  /** The name they came with last, which their own choice may have overruled. */
  readonly given: string | null;
  readonly avatarUrl: string | null;
}

/** Who exists, and what they are called. */
export interface UserDirectory {
  /** Makes sure that the caller has a row, under the name it came with. Refuses the deactivated. Gives the name, at once where it is known. */
  arrive(caller: Caller): string | null | Promise<string | null>;
  /** Refuses the deactivated, and makes nobody known who was not; nothing to wait for where that is known. */
  admit(caller: Caller): Promise<void> | undefined;
  /** Of somebody who has just arrived. */
  avatarOf(userId: string): string | null;
  /** Makes sure that people whom a caller names exist, or refuses with `not_found`. */
  meet(caller: Caller, userIds: readonly string[]): Promise<void>;
  /** What is known of a user is no longer so: asks again when it is needed. */
  forget(userId: string): void;
  /** Something may have changed without being told. */
  forgetAll(): void;
}

interface Arrival {
  readonly id: string;
  readonly name: string | null;
}

export function createUserDirectory(options: {
  readonly store: UserStore;
  /** Whether a plain user may name somebody who is not known yet. */
  readonly createUnknown: boolean;
}): UserDirectory {
  const { store } = options;
  const names = new Recent<string, KnownUser>(MAX_KNOWN, MAX_AGE_MS);
  /** Many connect at once after a restart: they share one statement, and two more for those who are new or renamed. */
  const welcome = createGather<Arrival, UserRecord>(async (arrivals) => {
    const found = new Map<string, UserRecord>();
    const look = async (ids: readonly string[]): Promise<void> => {
      for (const user of await store.find(ids)) found.set(user.id, user);
    };
    await look(arrivals.map((user) => user.id));
    const news = new Map<string, Arrival>();
    for (const user of arrivals) {
      const record = found.get(user.id);
      if (record === undefined || (user.name !== null && user.name !== record.name)) news.set(user.id, user);
    }
    if (news.size > 0) {
      await store.ensure([...news.values()]);
      await look([...news.keys()]);
    }
    return new Map(arrivals.map((user) => [user, found.get(user.id) as UserRecord]));
  });

  const firstArrival = async (userId: string, name: string | null): Promise<string | null> => {
    const record = (await welcome({ id: userId, name })) as UserRecord;
    if (record.deactivated) throw deactivated();
    remember(record, name);
    return record.name;
  };
  const look = createGather(
    async (ids: readonly string[]) => new Map((await store.find(ids)).map((user) => [user.id, user])),
  );
  const remember = (
    { id, name, avatarUrl }: Pick<UserRecord, "id" | "name" | "avatarUrl">,
    given: string | null,
  ) => names.set(id, { name, given, avatarUrl });
  const deactivated = () => new Refusal("unauthenticated", "The user is deactivated");

  return {
    arrive({ userId, name }) {
      if (userId === null) return null;
      const known = names.get(userId);
      if (known !== undefined && (name === null || name === known.name || name === known.given)) {
        return known.name;
      }
      return firstArrival(userId, name);
    },

    admit({ userId }) {
      if (userId === null || names.get(userId) !== undefined) return undefined;
      return look(userId).then((record) => {
        if (record?.deactivated) throw deactivated();
        if (record !== undefined) remember(record, null);
      });
    },

    avatarOf: (userId) => names.get(userId)?.avatarUrl ?? null,

    async meet(caller, userIds) {
      for (const id of userIds) {
        if (!isUserId(id)) {
          throw new Refusal(
            "invalid",
            `a user id must have 1 to ${MAX_USER_ID_LENGTH} characters and no control characters`,
          );
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
      for (const id of strangers) {
        const user = known.get(id);
        if (user?.deactivated === true) continue;
        remember(user ?? { id, name: null, avatarUrl: null }, null);
      }
    },

    forget: (userId) => names.delete(userId),
    forgetAll: () => names.clear(),
  };
}

import type { Preferences, UserCard } from "@parlance/protocol/model.ts";
import type { Block, UserPlace } from "@parlance/protocol/queries.ts";

export interface UsersWish {
  /** In the name or id; empty: everybody. */
  readonly text: string;
  readonly after: UserPlace | null;
  readonly limit: number;
}

export interface BlockOutcome {
  readonly changed: boolean;
  /** The direct conversation of the two, where there is one. */
  readonly directId: number | null;
}

/**
 * What people do about themselves, their lists and one another. Nothing here takes a tick, and each may be done
 * twice.
 */
export interface PeopleStore {
  /** These, in no order. */
  cards(userIds: readonly string[]): Promise<readonly UserCard[]>;
  /** Active users by name, each with its place. */
  search(wish: UsersWish): Promise<readonly (UserCard & { readonly sortName: string })[]>;
  /** A name null: what a token gives will do. */
  setProfile(
    userId: string,
    profile: { readonly name?: string | null; readonly avatarUrl?: string | null },
  ): Promise<void>;
  /** Whether it was otherwise; null: no such user. */
  setDeactivated(userId: string, deactivated: boolean): Promise<boolean | null>;

  /** As they are then; null: takes no part. */
  setPreferences(
    conversationId: number,
    userId: string,
    wish: Partial<Preferences>,
  ): Promise<Preferences | null>;
  /** Puts a conversation out of somebody's lists until its next message; whether it was in them. */
  hide(conversationId: number, userId: string): Promise<boolean>;

  /** @param pair the name of the direct conversation of the two */
  setBlock(userId: string, otherId: string, pair: string, blocked: boolean): Promise<BlockOutcome>;
  /** Whom the user has blocked, the latest first. */
  blocks(userId: string): Promise<readonly Block[]>;
  /** Those between whom and each of these users there is a block, whoever made it; who has none is left out. */
  barredFrom(userIds: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>>;
  /** Those of the others who share a conversation with the user: of up to so many people, or, with null, any. */
  acquainted(
    userId: string,
    otherIds: readonly string[],
    maxParticipants: number | null,
  ): Promise<ReadonlySet<string>>;
  /** For each of these users conversations of up to so many people, so many at most, always the same. */
  smallConversations(
    userIds: readonly string[],
    wish: { readonly maxParticipants: number; readonly limit: number },
  ): Promise<ReadonlyMap<string, readonly number[]>>;
  /** The ids, in byte order, of those who share a conversation of up to so many people with the user, who is not among them. */
  contacts(
    userId: string,
    wish: { readonly maxParticipants: number; readonly after: string | null; readonly limit: number },
  ): Promise<readonly string[]>;
}

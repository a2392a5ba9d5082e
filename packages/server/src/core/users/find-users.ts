import type { UserCard } from "@parlance/protocol/model.ts";
import type { FindUsers, ReadUsers, UsersPage } from "@parlance/protocol/queries.ts";
import type { Caller } from "../caller.ts";
import { checkText } from "../messages/content.ts";
import type { Parts } from "../parts.ts";

/** A page of the directory that one may pick people from. */
export async function findUsers(
  { people }: Pick<Parts, "people">,
  _caller: Caller,
  { text, after, limit }: FindUsers,
): Promise<UsersPage> {
  checkText(text, "query");
  const found = await people.search({ text: text.trim(), after, limit: limit + 1 });
  const page = found.slice(0, limit);
  const last = page.at(-1);
  const hasMore = found.length > limit && last !== undefined;
  return {
    users: page.map(({ sortName: _, ...card }) => card),
    next: hasMore ? { sortName: last.sortName, id: last.id } : null,
  };
}

export async function readUsers(
  { people }: Pick<Parts, "people">,
  _caller: Caller,
  { userIds }: ReadUsers,
): Promise<readonly UserCard[]> {
  const cards = new Map((await people.cards(userIds)).map((card) => [card.id, card]));
  return userIds.flatMap((id) => cards.get(id) ?? []);
}

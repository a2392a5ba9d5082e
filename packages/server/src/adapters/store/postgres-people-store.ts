import type { PeopleStore } from "../../core/ports/people-store.ts";
import type { Query } from "./line.ts";

const CARD = `u.id, u.name, u.avatar_url as "avatarUrl", u.is_bot as "isBot"`;

/** Looked through in the index alone. */
const SEARCH = `with page as materialized (
    select id, search_name from users
    where deactivated_at is null and strpos(search_name, (select fold($1))) > 0
      and ($2::text is null or (search_name collate "C", id collate "C") > ($2, $3))
    order by search_name collate "C", id collate "C" limit $4)
  select ${CARD}, u.search_name as "sortName" from page join users u on u.id = page.id
  order by page.search_name collate "C", page.id collate "C"`;

const SET_PROFILE = `update users
  set name = case when $2 then $3 else name end, own_name = case when $2 then $3 is not null else own_name end,
      avatar_url = case when $4 then $5 else avatar_url end
  where id = $1`;

/** A user who has been so all along is found too, but not changed. */
const SET_DEACTIVATED = `with was as (select id, deactivated_at is not null as deactivated from users where id = $1),
  done as (
    update users set deactivated_at = case when $2 then now() end
    where id = $1 and (deactivated_at is not null) <> $2)
  select deactivated <> $2 as changed from was`;

const HIDE = `update participants p
  set hidden_seq = c.last_seq, marked_at = date_trunc('milliseconds', clock_timestamp())
  from conversations c
  where p.conversation_id = $1 and p.user_id = $2 and p.left_seq is null and c.id = $1
    and coalesce(p.hidden_seq < c.last_seq, true)
  returning p.user_id`;

const BLOCKS = `select json_build_object('id', u.id, 'name', u.name, 'avatarUrl', u.avatar_url, 'isBot', u.is_bot) as user,
    epoch_ms(b.created_at) as at
  from blocks b join users u on u.id = b.blocked_id
  where b.blocker_id = $1 order by b.created_at desc, b.blocked_id`;

const BARRED_FROM = `select blocker_id as one, blocked_id as other from blocks where blocker_id = any ($1)
  union
  select blocked_id, blocker_id from blocks where blocked_id = any ($1)`;

/** Looks through the conversations of the others, who mostly are in fewer than all that the user is in. */
const ACQUAINTED = `select o.id from unnest($2::text[]) o (id)
  cross join lateral (
    select from participants q
    where q.user_id = o.id collate "C" and q.left_seq is null
      and (select true from participants p
           where p.conversation_id = q.conversation_id and p.user_id = $1 and p.left_seq is null limit 1)
      and (select $3::integer is null or c.participant_count <= $3 from conversations c
           where c.id = q.conversation_id limit 1)
    limit 1) shared`;

const CONTACTS = `select distinct q.user_id collate "C" as id from participants p
  join conversations c on c.id = p.conversation_id and c.participant_count <= $2
  join participants q on q.conversation_id = p.conversation_id and q.left_seq is null
  where p.user_id = $1 and p.left_seq is null and q.user_id <> $1
    and ($3::text is null or q.user_id collate "C" > $3)
  order by 1 limit $4`;

const SMALL = `select u.id as "userId", array(
    select p.conversation_id from participants p join conversations c on c.id = p.conversation_id
    where p.user_id = u.id and p.left_seq is null and c.participant_count <= $2
    order by p.conversation_id limit $3) as "conversationIds"
  from unnest($1::text[]) as u (id)`;

/** Statements: here, and the functions of the migration people_and_groups. */
export function createPeopleStore(query: Query): PeopleStore {
  return {
    cards: (userIds) => query(`select ${CARD} from users u where u.id = any ($1)`, [userIds]),
    search: ({ text, after, limit }) =>
      query(SEARCH, [text, after?.sortName ?? null, after?.id ?? null, limit]),
    async setProfile(userId, { name, avatarUrl }) {
      await query(SET_PROFILE, [
        userId,
        name !== undefined,
        name ?? null,
        avatarUrl !== undefined,
        avatarUrl ?? null,
      ]);
    },
    async setDeactivated(userId, deactivated) {
      const [row] = await query<{ changed: boolean }>(SET_DEACTIVATED, [userId, deactivated]);
      return row?.changed ?? null;
    },
    async setPreferences(conversationId, userId, { muted, pinned, archived, level }) {
      const [row] = await query<{
        muted: boolean;
        pinned: boolean;
        archived: boolean;
        level: "all" | "mentions" | "none";
      }>("select muted, pinned, archived, level from set_preferences($1, $2, $3, $4, $5, $6)", [
        conversationId,
        userId,
        muted ?? null,
        pinned ?? null,
        archived ?? null,
        level ?? null,
      ]);
      return row ?? null;
    },
    hide: async (conversationId, userId) => (await query(HIDE, [conversationId, userId])).length > 0,
    async setBlock(userId, otherId, pair, blocked) {
      const [row] = await query<{ changed: boolean; directId: number | null }>(
        `select changed, direct_id as "directId" from set_block($1, $2, $3, $4)`,
        [userId, otherId, pair, blocked],
      );
      return row ?? { changed: false, directId: null };
    },
    blocks: (userId) => query(BLOCKS, [userId]),
    async barredFrom(userIds) {
      const byUser = new Map<string, string[]>();
      for (const { one, other } of await query<{ one: string; other: string }>(BARRED_FROM, [userIds])) {
        const others = byUser.get(one);
        if (others === undefined) byUser.set(one, [other]);
        else others.push(other);
      }
      return byUser;
    },
    async acquainted(userId, otherIds, maxParticipants) {
      const rows = await query<{ id: string }>(ACQUAINTED, [userId, otherIds, maxParticipants]);
      return new Set(rows.map(({ id }) => id));
    },
    async smallConversations(userIds, { maxParticipants, limit }) {
      const rows = await query<{ userId: string; conversationIds: number[] }>(SMALL, [
        userIds,
        maxParticipants,
        limit,
      ]);
      return new Map(rows.map((row) => [row.userId, row.conversationIds]));
    },
    async contacts(userId, { maxParticipants, after, limit }) {
      const rows = await query<{ id: string }>(CONTACTS, [userId, maxParticipants, after, limit]);
      return rows.map(({ id }) => id);
    },
  };
}

import type { Message } from "@parlance/protocol/model.ts";
import type { CountedPage, EarlierText, InboxEntry, Reaction, ReadBy } from "@parlance/protocol/queries.ts";
import type { Called, Reader, Standing, UserRecord, UserStore } from "../../core/ports/reader.ts";
import { inByteOrder } from "./byte-order.ts";
import type { Query } from "./line.ts";

const STANDING = `select c.id as "conversationId", c.kind, c.settings, c.clock, c.participant_count as "participantCount",
    p.role, coalesce(p.joined_seq, 0) as "joinedSeq"
  from conversations c
  left join participants p on p.conversation_id = c.id and p.user_id = $2 and p.left_seq is null
  where c.id = $1`;

const MESSAGE =
  "select message_json(m) as message from messages m where m.id = $2 and m.conversation_id is not distinct from $1";

const MESSAGE_BY_ID = "select message_json(m) as message from messages m where m.id = $1";

const MESSAGES_BY_KEY = `select message_json(m) as message from messages m
  where m.idempotency_key = $2 and m.conversation_id is not distinct from $1 limit 2`;

const HISTORY = `select message_json(m) as message from messages m
  where m.conversation_id = $1 and m.seq < $2 and m.seq >= $3 order by m.seq desc limit $4`;

const PAGE = "select total, messages from message_page($1, $2, $3, $4)";

const HISTORY_AFTER = `select message_json(m) as message from messages m
  where m.conversation_id = $1 and m.seq > $2 and m.seq >= $3 order by m.seq limit $4`;

const REPLIES = `select message_json(m) as message from messages m
  where m.conversation_id = $1 and m.parent_id = $5 and m.seq > $2 and m.seq >= $3 order by m.seq limit $4`;

const PINS = `select message_json(m) as message from messages m
  where m.conversation_id = $1 and m.pinned_at is not null and m.seq >= $2 order by m.pinned_at desc, m.seq desc`;

const EDITS = `select rev, content, epoch_ms(replaced_at) as "replacedAt" from message_history
  where conversation_id = $1 and message_id = $2 and rev > $3 order by rev limit $4`;

const REACTIONS = `select r.user_id as "userId", (select u.name from users u where u.id = r.user_id) as "userName",
    r.emoji, epoch_ms(r.created_at) as "createdAt"
  from reactions r
  where r.conversation_id = $1 and r.message_id = $2
    and ($3::bigint is null or (epoch_ms(r.created_at), r.user_id, r.emoji) > ($3, $4, $5))
  order by epoch_ms(r.created_at), r.user_id, r.emoji limit $6`;

/** Of the stretches that somebody has read, the first that does not end before the message: nothing lies in two. */
const RECEIPTS = `select p.user_id as "userId", (select u.name from users u where u.id = p.user_id) as "userName",
    epoch_ms(read.at) as "readAt"
  from participants p
  join lateral (select r.from_seq, r.read_at as at from reads r
                where r.conversation_id = $1 and r.user_id = p.user_id and r.to_seq >= $2 order by r.to_seq limit 1) read
    on read.from_seq <= $2
  where p.conversation_id = $1 and p.left_seq is null and p.user_id <> $3 and p.user_id > $4
  order by p.user_id limit $5`;

/** Each way by an index: ids and names are few, participants may be many. */
const CALLED = `select p.user_id as "userId", null as name
  from unnest($2::text[]) wished (id)
  join participants p on p.conversation_id = $1 and p.user_id = wished.id and p.left_seq is null
  union all
  select p.user_id, wished.name
  from unnest($3::text[]) wished (name)
  join users u on lower(u.name) = lower(wished.name)
  join participants p on p.conversation_id = $1 and p.user_id = u.id and p.left_seq is null
  union all
  select p.user_id, wished.name
  from unnest($3::text[]) wished (name)
  join users u on u.id = wished.name and u.name is null
  join participants p on p.conversation_id = $1 and p.user_id = u.id and p.left_seq is null`;

/** $1: the user. What follows picks the rows; all of a list's shape is here. */
const ENTRY = `select head_json(c.id) as head, epoch_ms(c.last_message_at) as "lastMessageAt", unread(p, c) as unread, unread_mentions(p) as "unreadMentions",
    p.muted, p.pinned, coalesce(p.archived_seq >= c.last_seq, false) as archived,
    (select message_json(m) from messages m where m.conversation_id = c.id and m.seq = c.last_seq
       and (m.seq >= p.joined_seq or coalesce((c.settings->>'historyVisible')::boolean, true))) as "lastMessage"`;

const INBOX = `with place as materialized (
    select c.id, c.last_message_at from participants p join conversations c on c.id = p.conversation_id
    where p.user_id = $1 collate "C" and p.left_seq is null and coalesce(p.hidden_seq < c.last_seq, true)
      and ($2::bigint is null or (epoch_ms(c.last_message_at), c.id) < ($2, $3))
    order by epoch_ms(c.last_message_at) desc, c.id desc limit $4)
  ${ENTRY}
  from place
  join conversations c on c.id = place.id
  join participants p on p.conversation_id = c.id and p.user_id = $1
  order by epoch_ms(place.last_message_at) desc, c.id desc`;

const ENTRIES = `${ENTRY}
  from conversations c join participants p on p.conversation_id = c.id and p.user_id = $1 and p.left_seq is null
  where c.id = any ($2)`;

/** Beyond any seq: "from the newest". */
const NEWEST = Number.MAX_SAFE_INTEGER;

export function createReader(query: Query): Reader {
  const messages = async (text: string, values: readonly unknown[]): Promise<Message[]> =>
    (await query<{ message: Message }>(text, values)).map((row) => row.message);
  const entries = (text: string, values: readonly unknown[]): Promise<InboxEntry[]> =>
    query<InboxEntry & Record<string, unknown>>(text, values);

  return {
    async standing(conversationId, userId) {
      const [row] = await query<Standing & Record<string, unknown>>(STANDING, [conversationId, userId]);
      return row ?? null;
    },
    async message(conversationId, messageId) {
      const [message] = await messages(MESSAGE, [conversationId, messageId]);
      return message ?? null;
    },
    async messageById(messageId) {
      const [message] = await messages(MESSAGE_BY_ID, [messageId]);
      return message ?? null;
    },
    messagesByKey: (conversationId, key) => messages(MESSAGES_BY_KEY, [conversationId, key]),
    history: (wish) =>
      messages(HISTORY, [wish.conversationId, wish.beforeSeq ?? NEWEST, wish.fromSeq, wish.limit]),
    async page({ conversationId, fromSeq, offset, limit }) {
      const [row] = await query<CountedPage & Record<string, unknown>>(PAGE, [
        conversationId,
        fromSeq,
        offset,
        limit,
      ]);
      return row as CountedPage;
    },
    historyAfter: (wish) =>
      messages(HISTORY_AFTER, [wish.conversationId, wish.afterSeq, wish.fromSeq, wish.limit]),
    replies: (wish) =>
      messages(REPLIES, [wish.conversationId, wish.afterSeq, wish.fromSeq, wish.limit, wish.parentId]),
    pins: (conversationId, fromSeq) => messages(PINS, [conversationId, fromSeq]),
    edits: (wish) =>
      query<EarlierText & Record<string, unknown>>(EDITS, [
        wish.conversationId,
        wish.messageId,
        wish.after ?? 0,
        wish.limit,
      ]),
    reactions: (wish) =>
      query<Reaction & Record<string, unknown>>(REACTIONS, [
        wish.conversationId,
        wish.messageId,
        wish.after?.createdAt ?? null,
        wish.after?.userId ?? null,
        wish.after?.emoji ?? null,
        wish.limit,
      ]),
    receipts: (wish) =>
      query<ReadBy & Record<string, unknown>>(RECEIPTS, [
        wish.conversationId,
        wish.seq,
        wish.senderId,
        wish.after ?? "",
        wish.limit,
      ]),
    called: (conversationId, { ids, names }) =>
      query<Called & Record<string, unknown>>(CALLED, [conversationId, ids, names]),
    inbox: (wish) =>
      entries(INBOX, [wish.userId, wish.after?.at ?? null, wish.after?.conversationId ?? null, wish.limit]),
    entries: (userId, conversationIds) => entries(ENTRIES, [userId, conversationIds]),
    async directConversation(pair) {
      const [row] = await query<{ id: number }>(
        "select conversation_id as id from direct_conversations where pair = $1",
        [pair],
      );
      return row?.id ?? null;
    },
  };
}

export function createUserStore(query: Query): UserStore {
  return {
    find: (ids) =>
      query<UserRecord & Record<string, unknown>>(
        "select id, name, status, deactivated_at is not null as deactivated from users where id = any ($1)",
        [ids],
      ),
    async ensure(users) {
      const sorted = users.toSorted((a, b) => inByteOrder(a.id, b.id));
      await query(
        `insert into users (id, name) select * from unnest($1::text[], $2::text[])
         on conflict (id) do update set name = excluded.name
         where excluded.name is not null and users.name is distinct from excluded.name`,
        [sorted.map((user) => user.id), sorted.map((user) => user.name)],
      );
    },
    async setStatus(id, status) {
      await query("update users set status = $2::user_status where id = $1", [id, status]);
    },
    async setLastSeen(ids, at) {
      const seen = await query<{ id: string }>(
        `update users set last_seen_at = to_timestamp($2 / 1000.0)
         where id in (select id from users where id = any ($1) and status <> 'offline'
                      order by id collate "C" for no key update)
         returning id`,
        [ids, at],
      );
      return new Set(seen.map(({ id }) => id));
    },
  };
}

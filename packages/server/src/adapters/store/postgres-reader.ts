import {
  type ConversationHead,
  FEW_PARTICIPANTS,
  HEAD_PARTICIPANTS,
  type Message,
  type ParticipantDetail,
} from "@parlance/protocol/model.ts";
import type { CountedPage, EarlierText, InboxEntry, Reaction, ReadBy } from "@parlance/protocol/queries.ts";
import type {
  Called,
  Reader,
  SentUnderKey,
  Standing,
  UserRecord,
  UserStore,
} from "../../core/ports/reader.ts";
import { inByteOrder } from "./byte-order.ts";
import { byQuestion, column, gathered } from "./gathered.ts";
import type { Query } from "./line.ts";
import { MESSAGE_COLUMNS, MESSAGE_JSON, NEWEST, readMessages } from "./shapes.ts";

const STANDING = `select c.id as "conversationId", c.kind, c.settings, c.clock, c.participant_count as "participantCount",
    p.role, coalesce(p.joined_seq, 0) as "joinedSeq", coalesce(p.barred, false) as "isBarred"
  from conversations c
  left join participants p on p.conversation_id = c.id and p.user_id = $2 and p.left_seq is null
  where c.id = $1 and c.deleted_at is null`;

const MESSAGE = `select ${MESSAGE_COLUMNS} from messages m where m.id = $2 and m.conversation_id is not distinct from $1`;

const MESSAGE_BY_ID = `select ${MESSAGE_COLUMNS} from messages m where m.id = $1`;

const MESSAGES_BY_KEY = `select ${MESSAGE_COLUMNS} from messages m
  where m.idempotency_key = $2 and m.conversation_id is not distinct from $1 limit 2`;

const SENT_UNDER = `select k.i - 1 as place, m.id, m.content_hash as "contentHash"
  from unnest($1::bigint[], $2::text[], $3::text[]) with ordinality as k (conversation_id, sender, key, i)
  cross join lateral (
    select m.id, m.content_hash from messages m
    where m.idempotency_key = k.key and m.sender_id = k.sender
      and m.conversation_id is not distinct from k.conversation_id limit 1) m`;

const HISTORY = `select ${MESSAGE_COLUMNS} from messages m
  where m.conversation_id = $1 and m.seq < $2 and m.seq >= $3 order by m.seq desc limit $4`;

const PAGE = "select total, messages from message_page($1, $2, $3, $4)";

const HISTORY_AFTER = `select ${MESSAGE_COLUMNS} from messages m
  where m.conversation_id = $1 and m.seq > $2 and m.seq >= $3 order by m.seq limit $4`;

const REPLIES = `select ${MESSAGE_COLUMNS} from messages m
  where m.conversation_id = $1 and m.parent_id = $5 and m.seq > $2 and m.seq >= $3 order by m.seq limit $4`;

const PINS = `select ${MESSAGE_COLUMNS} from messages m
  where m.conversation_id = $1 and m.pinned_at is not null and m.seq >= $2 order by m.pinned_at desc, m.seq desc`;

const EDITS = `select rev, content, epoch_ms(replaced_at) as "replacedAt" from message_history
  where conversation_id = $1 and message_id = $2 and rev > $3 order by rev limit $4`;

const REACTIONS = `select r.user_id as "userId", (select u.name from users u where u.id = r.user_id) as "userName",
    r.emoji, epoch_ms(r.created_at) as "createdAt"
  from reactions r
  where r.conversation_id = $1 and r.message_id = $2
    and ($3::bigint is null or (epoch_ms(r.created_at), r.user_id, r.emoji) > ($3, $4, $5))
  order by epoch_ms(r.created_at), r.user_id, r.emoji limit $6`;

const OWN_REACTIONS = `select wished.id as "messageId",
    (select array_agg(r.emoji order by r.created_at, r.emoji) from reactions r
      where r.conversation_id = wished.conversation and r.message_id = wished.id and r.user_id = $1) as emoji
  from unnest($2::bigint[], $3::bigint[]) wished (conversation, id)`;

/** Of the stretches that somebody has read, the first that does not end before the message: nothing lies in two. */
const RECEIPTS = `select p.user_id as "userId", (select u.name from users u where u.id = p.user_id) as "userName",
    epoch_ms(read.at) as "readAt"
  from participants p
  join lateral (select r.from_seq, r.read_at as at from reads r
                where r.conversation_id = $1 and r.user_id = p.user_id and r.to_seq >= $2 order by r.to_seq limit 1) read
    on read.from_seq <= $2
  where p.conversation_id = $1 and p.left_seq is null and p.user_id <> $3 and p.user_id > $4
  order by p.user_id limit $5`;

/**
 * Ids and names are few, participants may be many: each of the few is looked up by itself, which joins would not promise
 * (see SESSION_SETUP).
 */
const CALLED = `select wished.id as "userId", null as name
  from unnest($2::text[]) wished (id)
  where (select 1 from participants p
         where p.conversation_id = $1 and p.user_id = wished.id and p.left_seq is null limit 1) is not null
  union all
  select found.id, wished.name
  from unnest($3::text[]) wished (name)
  cross join lateral (
    select u.id from users u where lower(u.name) = lower(wished.name)
    union all
    select u.id from users u where u.id = wished.name and u.name is null
    offset 0) found
  where (select 1 from participants p
         where p.conversation_id = $1 and p.user_id = found.id and p.left_seq is null limit 1) is not null`;

/**
 * Why not as calls of `unread(p, c)`: PostgreSQL works a function that answers rows into the statement, and calls one that
 * looks something up by itself for each row, at ten times the cost.
 */
const UNREAD_COUNT =
  "case when unread_above(p, c) > 0 then (select u.unread from unread_looked_up_of(p, c) u) else 0 end";
const UNREAD_MENTIONS = `case when c.last_seq > coalesce(p.unread_seq, p.read_seq)
    then (select u.unread from unread_mentions_of(p) u) else 0 end`;

/** All of a list's shape of participant `p` and conversation `c` but what is not the person's own: head and last message. */
const OWN_ENTRY = `epoch_ms(c.last_message_at) as "lastMessageAt", ${UNREAD_COUNT} as unread,
    ${UNREAD_MENTIONS} as "unreadMentions",
    p.muted, p.pinned, coalesce(p.archived_seq >= c.last_seq, false) as archived, p.level,
    coalesce(p.hidden_seq >= c.last_seq, false) as hidden,
    p.barred and exists (select from participants q join blocks b on b.blocker_id = p.user_id and b.blocked_id = q.user_id
                         where q.conversation_id = c.id and q.user_id <> p.user_id) as blocked`;
const SEES_LAST = "(c.last_seq >= p.joined_seq or coalesce((c.settings->>'historyVisible')::boolean, true))";

const INBOX = `with place as materialized (
    select c.id, c.last_message_at from participants p join conversations c on c.id = p.conversation_id
    where p.user_id = $1 collate "C" and p.left_seq is null and coalesce(p.hidden_seq < c.last_seq, true)
      and ($5 = 'all' or coalesce(p.archived_seq >= c.last_seq, false) = ($5 = 'archived'))
      and ($5 <> 'pinned' or p.pinned)
      and ($6::text is null or (c.kind = 'group' and strpos(fold(c.name), (select fold($6))) > 0))
      and ($2::bigint is null or (epoch_ms(c.last_message_at), c.id) < ($2, $3))
    order by epoch_ms(c.last_message_at) desc, c.id desc limit $4)
  select head_json(c, (
      select json_agg(participant_json(q, (select u.name from users u where u.id = q.user_id)))
      from head_participants(c.id) q)) as head, ${OWN_ENTRY},
    (select ${MESSAGE_JSON} from messages m where m.conversation_id = c.id and m.seq = c.last_seq and ${SEES_LAST}) as "lastMessage"
  from place
  join conversations c on c.id = place.id
  join participants p on p.conversation_id = c.id and p.user_id = $1
  order by epoch_ms(place.last_message_at) desc, c.id desc`;

const OWN_ENTRIES = `select s.i, case when ${SEES_LAST} then c.last_seq else 0 end as "lastSeq", ${OWN_ENTRY}
  from unnest($1::text[], $2::bigint[]) with ordinality s (user_id, conversation_id, i)
  join participants p on p.conversation_id = s.conversation_id and p.user_id = s.user_id and p.left_seq is null
  join conversations c on c.id = s.conversation_id`;
const MOST_ENTRIES = 200;

const MESSAGES_AT = `select s.i, ${MESSAGE_COLUMNS} from unnest($1::bigint[], $2::bigint[]) with ordinality s (conversation_id, seq, i)
  join messages m on m.conversation_id = s.conversation_id and m.seq = s.seq`;

/** $2: of more people than that none. */
const HEADS = `select case when c.participant_count > s.most then head_json(c, null) else head_json(c.id) end as head
  from unnest($1::bigint[], $2::integer[]) with ordinality s (conversation_id, most, i)
  join conversations c on c.id = s.conversation_id order by s.i`;
/** Those of large groups are large. */
const MOST_HEADS = 50;
const EVERYBODY = 2 ** 31 - 1;

const UNREAD = `select * from (
    select c.id as "conversationId", ${UNREAD_COUNT} as unread, ${UNREAD_MENTIONS} as "unreadMentions"
    from participants p join conversations c on c.id = p.conversation_id
    where p.user_id = $1 collate "C" and p.left_seq is null and coalesce(p.hidden_seq < c.last_seq, true)
    offset 0) counted
  where unread > 0`;

/**
 * $2: when, by user. A join with the times would compare each with each: 82 ms for a thousand. Locked first, in one order
 * for all who write to several.
 */
const SEEN = `update users u set last_seen_at = greatest(u.last_seen_at, to_timestamp(($2::jsonb ->> u.id)::float8 / 1000.0))
  where u.id = any (array(select id from users where id = any ($1) and status <> 'offline'
                          order by id collate "C" for no key update))
  returning u.id`;

const DETAIL = `p.user_id as "userId", u.name as "userName", u.avatar_url as "avatarUrl", p.role, p.joined_seq as "joinedSeq",
    epoch_ms(p.joined_at) as "joinedAt", p.delivered_seq as "deliveredSeq", p.read_seq as "readSeq",
    epoch_ms(p.read_at) as "readAt",
    (select m.id from messages m where m.conversation_id = p.conversation_id and m.seq <= p.read_seq
     order by m.seq desc limit 1) as "lastReadMessageId"`;

/** The page is picked before anything is looked up for its people. */
const PARTICIPANTS = `with page as materialized (
    select * from participants
    where conversation_id = $1 and left_seq is null and ($2::bigint is null or (joined_seq, user_id) > ($2, $3))
    order by joined_seq, user_id limit $4)
  select ${DETAIL} from page p left join users u on u.id = p.user_id order by p.joined_seq, p.user_id`;

const PEOPLE = `select p.conversation_id as "conversationId", ${DETAIL}
  from participants me
  cross join lateral (
    select * from participants where conversation_id = me.conversation_id and left_seq is null
    order by joined_seq, user_id limit ${HEAD_PARTICIPANTS}) p
  left join users u on u.id = p.user_id
  where me.conversation_id = any ($2) and me.user_id = $1 and me.left_seq is null
  order by p.conversation_id, p.joined_seq, p.user_id`;

/** An entry without what others have too. */
interface OwnEntry extends Omit<InboxEntry, "head" | "lastMessage"> {
  /** Of the last message that the user may see; 0: none. */
  readonly lastSeq: number;
}

export function createReader(query: Query): Reader {
  const messages = (text: string, values: readonly unknown[]) => readMessages(query, text, values);
  const headOf = gathered<readonly [number, number], ConversationHead>(async (asks) => {
    const rows = await query<{ head: ConversationHead }>(HEADS, [column(asks, 0), column(asks, 1)]);
    return rows.map(({ head }) => head);
  }, MOST_HEADS);
  const ownEntry = gathered<readonly [string, number], OwnEntry | undefined>(async (asks) => {
    const rows = await query<OwnEntry & { i: number }>(OWN_ENTRIES, [column(asks, 0), column(asks, 1)]);
    return byQuestion(asks, rows).map(([own]) => own);
  }, MOST_ENTRIES);
  const messageAt = gathered<readonly [number, number], Message | undefined>(async (asks) => {
    const rows = await readMessages<{ i: number }>(query, MESSAGES_AT, [column(asks, 0), column(asks, 1)]);
    return byQuestion(asks, rows).map(([message]) => message);
  }, MOST_ENTRIES);

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
    async sentUnder(keys) {
      const found = await query<SentUnderKey & { place: number }>(SENT_UNDER, [
        keys.map((one) => one.conversationId),
        keys.map((one) => one.senderId),
        keys.map((one) => one.key),
      ]);
      const byPlace = new Map(found.map((one) => [one.place, one]));
      return keys.map((_, i) => byPlace.get(i) ?? null);
    },
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
    async ownReactions(userId, wished) {
      const found = await query<{ messageId: number; emoji: readonly string[] | null }>(OWN_REACTIONS, [
        userId,
        wished.map(({ conversationId }) => conversationId),
        wished.map(({ messageId }) => messageId),
      ]);
      return found.flatMap(({ messageId, emoji }) => (emoji === null ? [] : [{ messageId, emoji }]));
    },
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
      query<InboxEntry & Record<string, unknown>>(INBOX, [
        wish.userId,
        wish.after?.at ?? null,
        wish.after?.conversationId ?? null,
        wish.limit,
        wish.list ?? "active",
        wish.named ?? null,
      ]),
    async entries(userId, conversationIds, few = false) {
      const most = few ? FEW_PARTICIPANTS : EVERYBODY;
      const entries = await Promise.all(
        conversationIds.map(async (id) => {
          const own = await ownEntry(userId, id);
          if (own === undefined) return [];
          const { lastSeq, ...rest } = own;
          const [head, lastMessage = null] = await Promise.all([
            headOf(id, most),
            lastSeq === 0 ? null : messageAt(id, lastSeq),
          ]);
          return [{ head, lastMessage, ...rest }];
        }),
      );
      return entries.flat();
    },
    async directConversation(pair) {
      const [row] = await query<{ id: number }>(
        "select conversation_id as id from direct_conversations where pair = $1",
        [pair],
      );
      return row?.id ?? null;
    },
    unread: (userId) => query(UNREAD, [userId]),
    participants: ({ conversationId, after, limit }) =>
      query(PARTICIPANTS, [conversationId, after?.joinedSeq ?? null, after?.userId ?? null, limit]),
    async people(userId, conversationIds) {
      const rows = await query<ParticipantDetail & { conversationId: number }>(PEOPLE, [
        userId,
        conversationIds,
      ]);
      const byConversation = new Map<number, ParticipantDetail[]>();
      for (const { conversationId, ...participant } of rows) {
        const people = byConversation.get(conversationId);
        if (people === undefined) byConversation.set(conversationId, [participant]);
        else people.push(participant);
      }
      return [...byConversation].map(([conversationId, participants]) => ({ conversationId, participants }));
    },
  };
}

export function createUserStore(query: Query): UserStore {
  return {
    find: (ids) =>
      query<UserRecord & Record<string, unknown>>(
        `select id, name, avatar_url as "avatarUrl", status, epoch_ms(last_seen_at) as "lastSeenAt", deactivated_at is not null as deactivated
         from users where id = any ($1)`,
        [ids],
      ),
    async ensure(users) {
      const sorted = users.toSorted((a, b) => inByteOrder(a.id, b.id));
      await query(
        `insert into users (id, name) select * from unnest($1::text[], $2::text[])
         on conflict (id) do update set name = excluded.name
         where excluded.name is not null and not users.own_name and users.name is distinct from excluded.name`,
        [sorted.map((user) => user.id), sorted.map((user) => user.name)],
      );
    },
    async setStatus(id, status) {
      await query("update users set status = $2::user_status where id = $1", [id, status]);
    },
    async setLastSeen(seen) {
      const stored = await query<{ id: string }>(SEEN, [
        seen.map(({ id }) => id),
        JSON.stringify(Object.fromEntries(seen.map(({ id, at }) => [id, at]))),
      ]);
      return new Set(stored.map(({ id }) => id));
    },
  };
}

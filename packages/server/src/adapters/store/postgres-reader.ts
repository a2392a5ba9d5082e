import type { Message } from "@parlance/protocol/model.ts";
import type { CountedPage, InboxEntry } from "@parlance/protocol/queries.ts";
import type { Reader, Standing, UserRecord, UserStore } from "../../core/ports/reader.ts";
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

/** $1: the user. What follows picks the rows; all of a list's shape is here. */
const ENTRY = `select head_json(c.id) as head, epoch_ms(c.last_message_at) as "lastMessageAt", unread(p, c) as unread,
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

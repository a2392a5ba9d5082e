import type {
  ClockAt,
  ConversationTicks,
  MovedConversation,
  SweepAnswer,
  TickReader,
} from "../../core/ports/tick-reader.ts";
import type { Query } from "./line.ts";
import { MESSAGE_COLUMNS, readMessages } from "./shapes.ts";

const CLOCKS = `select id as "conversationId", clock, moved_xid as "movedXid",
  participant_count as "participantCount", (settings->>'historyVisible')::boolean as "historyVisible" from conversations where id = any ($1)`;

const NEW_MESSAGES = `select ${MESSAGE_COLUMNS} from messages m
  where m.conversation_id = $1 and m.seq > $2 and m.seq <= $3 order by m.seq limit $4`;

const CHANGED_MESSAGES = `select ${MESSAGE_COLUMNS} from messages m
  where m.conversation_id = $1 and m.rev <> m.seq and m.rev > $3 and m.rev <= $4 and m.seq <= $2
  order by m.rev limit $5`;

const CONVERSATION_TICKS = `with p as (
    select * from participants where conversation_id = $1 and rev > $2 and rev <= $3)
  select
    case when c.settings_rev > $2 and c.settings_rev <= $3 or exists (select from p) then head_json(c.id) end as head,
    $2 < 1 as created, c.deleted_at is not null as deleted,
    coalesce((select json_agg(participant_json(p)) from p where left_seq is null and joined_seq > $2), '[]') as added,
    coalesce((select json_agg(participant_json(p)) from p where left_seq is null and joined_seq <= $2), '[]') as updated,
    coalesce((select json_agg(json_build_object('userId', user_id, 'leftSeq', left_seq))
              from p where left_seq is not null), '[]') as removed
  from conversations c where c.id = $1`;

const MOVED = `select c.id as "conversationId", c.clock, c.moved_xid as "movedXid",
    c.participant_count as "participantCount", p.joined_seq as "joinedSeq",
    p.left_seq as "leftSeq", c.deleted_at is not null as deleted, (c.settings->>'historyVisible')::boolean as "historyVisible"
  from participants p join conversations c on c.id = p.conversation_id
  where p.user_id = $1 collate "C"`;

/**
 * The greatest tick of an older transaction that rows still tell of. Of messages none is lost: a row keeps the
 * transaction that stored it beside that of its latest change.
 */
const TICK_BEFORE = `select greatest(
    coalesce((select m.seq from messages m where m.conversation_id = $1 and m.xid < $2::text::xid8
              order by m.seq desc limit 1), 0),
    coalesce((select m.rev from messages m where m.conversation_id = $1 and m.rev <> m.seq and m.changed_xid < $2::text::xid8
              order by m.rev desc limit 1), 0),
    coalesce((select max(p.rev) from participants p where p.conversation_id = $1 and p.member_xid < $2::text::xid8), 0),
    coalesce((select c.settings_rev from conversations c where c.id = $1 and c.settings_xid < $2::text::xid8), 0)
  ) as tick`;

const SWEEP = `select pg_snapshot_xmin(pg_current_snapshot()) as horizon,
  (select json_agg(json_build_object('conversationId', c.id, 'clock', c.clock, 'movedXid', c.moved_xid::text::bigint,
                                    'participantCount', c.participant_count,
                                    'historyVisible', (c.settings->>'historyVisible')::boolean))
   from unnest($1::bigint[], $2::bigint[]) known (id, clock) join conversations c on c.id = known.id
   where c.clock > known.clock) as ahead,
  (select json_agg(json_build_object('userId', p.user_id, 'conversationId', p.conversation_id, 'joinedSeq', p.joined_seq))
   from unnest($3::text[]) u (id) join participants p on p.user_id = u.id collate "C"
   where p.member_xid >= $4::text::xid8 and p.left_seq is null) as joined,
  (select json_agg(id) from users where deactivated_at > now() - $5 * interval '1 millisecond') as deactivated`;

/** In two parts: of a large conversation only the user's own row is read, and not everybody's to be left out again. */
const MARKS_SINCE = `with own as materialized (
    select p.*, c.participant_count <= $3 as small from participants p join conversations c on c.id = p.conversation_id
    where p.user_id = $1 collate "C" and p.left_seq is null)
  select conversation_id as "conversationId", user_id as "userId", delivered_seq as "deliveredSeq", read_seq as "readSeq",
    read_id as "readMessageId", epoch_ms(read_at) as "readAt", (select u.name from users u where u.id = user_id) as "userName"
  from own where marked_at >= to_timestamp($2 / 1000.0)
  union all
  select q.conversation_id, q.user_id, q.delivered_seq, q.read_seq, q.read_id, epoch_ms(q.read_at),
    (select u.name from users u where u.id = q.user_id)
  from own join participants q on q.conversation_id = own.conversation_id and q.user_id <> $1
  where own.small and not own.barred and q.left_seq is null and q.marked_at >= to_timestamp($2 / 1000.0)`;

/** @param epoch what the store said when it was last connected to */
export function createTickReader(query: Query, epoch: () => Promise<string>): TickReader {
  const messages = (text: string, values: readonly unknown[]) => readMessages(query, text, values);

  return {
    epoch,
    memberships: (userIds) =>
      query(
        `select user_id as "userId", conversation_id as "conversationId", joined_seq as "joinedSeq" from participants
         where user_id = any ($1 collate "C") and left_seq is null`,
        [userIds],
      ),
    clocks: (conversationIds) => query<ClockAt & Record<string, unknown>>(CLOCKS, [conversationIds]),
    newMessages: (conversationId, since, through, limit) =>
      messages(NEW_MESSAGES, [conversationId, since, through, limit]),
    changedMessages: (conversationId, newerThan, since, through, limit) =>
      messages(CHANGED_MESSAGES, [conversationId, newerThan, since, through, limit]),
    async conversationTicks(conversationId, since, through) {
      const [row] = await query<ConversationTicks & Record<string, unknown>>(CONVERSATION_TICKS, [
        conversationId,
        since,
        through,
      ]);
      return row ?? { head: null, created: false, deleted: false, added: [], updated: [], removed: [] };
    },
    moved: (userId, horizon) =>
      query<MovedConversation & Record<string, unknown>>(`${MOVED} and c.moved_xid >= $2::text::xid8`, [
        userId,
        horizon,
      ]),
    standings: (userId, conversationIds) =>
      query<MovedConversation & Record<string, unknown>>(`${MOVED} and c.id = any ($2)`, [
        userId,
        conversationIds,
      ]),
    async tickBefore(conversationId, horizon) {
      const [row] = await query<{ tick: number }>(TICK_BEFORE, [conversationId, horizon]);
      return row?.tick ?? 0;
    },
    async sweep({ clocks, userIds, since, lookBackMs }) {
      const [row] = await query<
        { [K in keyof SweepAnswer]: SweepAnswer[K] | null } & Record<string, unknown>
      >(SWEEP, [
        clocks.map((known) => known.conversationId),
        clocks.map((known) => known.clock),
        userIds,
        since,
        lookBackMs,
      ]);
      return {
        horizon: row?.horizon ?? since,
        ahead: row?.ahead ?? [],
        joined: row?.joined ?? [],
        deactivated: row?.deactivated ?? [],
      };
    },
    async nextXid() {
      const [row] = await query<{ xid: number }>("select pg_snapshot_xmax(pg_current_snapshot()) as xid");
      return row?.xid ?? 0;
    },
    marksSince: (userId, since, maxParticipants) => query(MARKS_SINCE, [userId, since, maxParticipants]),
  };
}

import type { Message } from "@parlance/protocol/model.ts";
import type { MarkMoved } from "../../core/ports/message-log.ts";
import type {
  ClockAt,
  ConversationTicks,
  MovedConversation,
  SweepAnswer,
  TickReader,
} from "../../core/ports/tick-reader.ts";
import { byQuestion, column, gathered } from "./gathered.ts";
import type { Query } from "./line.ts";
import { MESSAGE_COLUMNS, readMessages } from "./shapes.ts";

const CLOCKS = `select id as "conversationId", clock, moved_xid as "movedXid",
  participant_count as "participantCount", (settings->>'historyVisible')::boolean as "historyVisible" from conversations where id = any ($1)`;

const NEW_MESSAGES = `select s.i, ${MESSAGE_COLUMNS}
  from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::integer[]) with ordinality s (id, since, through, most, i)
  cross join lateral (
    select * from messages m where m.conversation_id = s.id and m.seq > s.since and m.seq <= s.through
    order by m.seq limit s.most) m
  order by s.i, m.seq`;

const CHANGED_MESSAGES = `select s.i, ${MESSAGE_COLUMNS}
  from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::integer[])
    with ordinality s (id, newer_than, since, through, most, i)
  cross join lateral (
    select * from messages m
    where m.conversation_id = s.id and m.rev <> m.seq and m.rev > s.since and m.rev <= s.through and m.seq <= s.newer_than
    order by m.rev limit s.most) m
  order by s.i, m.rev`;

const CONVERSATION_TICKS = `select s.i,
    case when c.settings_rev > s.since and c.settings_rev <= s.through or p.any then head_json(c.id) end as head,
    s.since < 1 as created, c.deleted_at is not null as deleted, p.added, p.updated, p.removed
  from unnest($1::bigint[], $2::bigint[], $3::bigint[]) with ordinality s (id, since, through, i)
  join conversations c on c.id = s.id
  cross join lateral (
    select count(*) > 0 as any,
      coalesce(json_agg(participant_json(p)) filter (where p.left_seq is null and p.joined_seq > s.since), '[]') as added,
      coalesce(json_agg(participant_json(p)) filter (where p.left_seq is null and p.joined_seq <= s.since), '[]') as updated,
      coalesce(json_agg(json_build_object('userId', p.user_id, 'leftSeq', p.left_seq))
               filter (where p.left_seq is not null), '[]') as removed
    from participants p where p.conversation_id = s.id and p.rev > s.since and p.rev <= s.through) p`;

const MOVED_COLUMNS = `c.id as "conversationId", c.clock, c.moved_xid as "movedXid",
    c.participant_count as "participantCount", p.joined_seq as "joinedSeq",
    p.left_seq as "leftSeq", c.deleted_at is not null as deleted, (c.settings->>'historyVisible')::boolean as "historyVisible"`;

const MOVED = `select s.i, ${MOVED_COLUMNS}
  from unnest($1::text[], $2::text[]) with ordinality s (user_id, horizon, i)
  join participants p on p.user_id = s.user_id collate "C" join conversations c on c.id = p.conversation_id
  where c.moved_xid >= s.horizon::xid8`;

const LEFT_SINCE = `select s.i, p.conversation_id as id
  from unnest($1::text[], $2::text[]) with ordinality s (user_id, horizon, i)
  join participants p on p.user_id = s.user_id collate "C" and p.member_xid >= s.horizon::xid8
  where p.left_seq is not null`;

const STANDINGS = `select ${MOVED_COLUMNS}
  from participants p join conversations c on c.id = p.conversation_id
  where p.user_id = $1 collate "C" and c.id = any ($2)`;

/**
 * The greatest tick of an older transaction that rows still tell of. Of messages none is lost: a row keeps the
 * transaction that stored it beside that of its latest change.
 */
const TICKS_BEFORE = `select greatest(
    coalesce((select m.seq from messages m where m.conversation_id = s.id and m.xid < s.horizon::xid8
              order by m.seq desc limit 1), 0),
    coalesce((select m.rev from messages m where m.conversation_id = s.id and m.rev <> m.seq and m.changed_xid < s.horizon::xid8
              order by m.rev desc limit 1), 0),
    coalesce((select max(p.rev) from participants p where p.conversation_id = s.id and p.member_xid < s.horizon::xid8), 0),
    coalesce((select c.settings_rev from conversations c where c.id = s.id and c.settings_xid < s.horizon::xid8), 0)
  ) as tick
  from unnest($1::bigint[], $2::text[]) with ordinality s (id, horizon, i) order by s.i`;

const SWEEP = `select pg_snapshot_xmin(pg_current_snapshot()) as horizon,
  (select json_agg(json_build_object('conversationId', c.id, 'clock', c.clock, 'movedXid', c.moved_xid::text::bigint,
                                    'participantCount', c.participant_count,
                                    'historyVisible', (c.settings->>'historyVisible')::boolean))
   from unnest($1::bigint[], $2::bigint[]) known (id, clock) join conversations c on c.id = known.id
   where c.clock > known.clock) as ahead,
  (select json_agg(json_build_object('userId', p.user_id, 'conversationId', p.conversation_id, 'joinedSeq', p.joined_seq))
   -- By user, and not all that is new against all users ("offset 0"): after an import that would be minutes.
   from unnest($3::text[]) u (id) cross join lateral (
     select * from participants p
     where p.user_id = u.id collate "C" and p.member_xid >= $4::text::xid8 and p.left_seq is null offset 0) p) as joined,
  (select json_agg(id) from users where deactivated_at > now() - $5 * interval '1 millisecond') as deactivated`;

const MARK = `json_build_object('conversationId', p.conversation_id, 'userId', p.user_id,
    'deliveredSeq', p.delivered_seq, 'readSeq', p.read_seq, 'readMessageId', p.read_id, 'readAt', epoch_ms(p.read_at),
    'userName', (select u.name from users u where u.id = p.user_id))`;

/** A user's own marks, and the conversations in which others' are told. */
const OWN_MARKS = `select coalesce(json_agg(${MARK}) filter (where p.marked_at >= to_timestamp(s.since / 1000.0)), '[]') as own,
    coalesce(array_agg(p.conversation_id) filter (where c.participant_count <= s.most and not p.barred), '{}') as small
  from unnest($1::text[], $2::bigint[], $3::integer[]) with ordinality s (user_id, since, most, i)
  left join participants p on p.user_id = s.user_id collate "C" and p.left_seq is null
  left join conversations c on c.id = p.conversation_id
  group by s.i order by s.i`;

const MARKS_OF = `select coalesce((
    select json_agg(${MARK}) from participants p
    where p.conversation_id = s.id and p.left_seq is null and p.marked_at >= to_timestamp(s.since / 1000.0)), '[]') as marks
  from unnest($1::bigint[], $2::bigint[]) with ordinality s (id, since, i) order by s.i`;

/** Of how many conversations or people one statement tells: it holds up nobody for long. */
const MOST_ASKED = 200;
/** Longer stretches are read by themselves, so that no answer is held up by them or grows large. */
const SHORT_STRETCH = 100;
const MOST_STRETCHES = 50;
/** Marks are asked for from the beginning of such a time, so that people who come back together ask the same. */
const MARKS_STEP_MS = 10_000;

const NOTHING_CHANGED: ConversationTicks = {
  head: null,
  created: false,
  deleted: false,
  added: [],
  updated: [],
  removed: [],
};

/** @param epoch what the store said when it was last connected to */
export function createTickReader(query: Query, epoch: () => Promise<string>): TickReader {
  type Numbers = readonly number[];
  const messages = async (text: string, asks: readonly Numbers[]): Promise<Message[][]> => {
    const columns = (asks[0] as Numbers).map((_, k) => column(asks, k));
    return byQuestion(asks, await readMessages<{ i: number }>(query, text, columns));
  };
  /** @param through which of the numbers says where a stretch ends; where it begins stands before it */
  const stretches = (text: string, through: number): ((...one: Numbers) => Promise<Message[]>) => {
    const short = gathered<Numbers, Message[]>((asks) => messages(text, asks), MOST_STRETCHES);
    return async (...one) => {
      const isShort = (one[through] as number) - (one[through - 1] as number) <= SHORT_STRETCH;
      return isShort ? await short(...one) : ((await messages(text, [one]))[0] as Message[]);
    };
  };
  const ownMarks = gathered<readonly [string, number, number], { own: MarkMoved[]; small: number[] }>(
    (asks) => query(OWN_MARKS, [column(asks, 0), column(asks, 1), column(asks, 2)]),
    MOST_ASKED,
  );
  const marksOf = gathered<readonly [number, number], readonly MarkMoved[]>(async (asks) => {
    const rows = await query<{ marks: MarkMoved[] }>(MARKS_OF, [column(asks, 0), column(asks, 1)]);
    return rows.map(({ marks }) => marks);
  }, MOST_ASKED);

  return {
    epoch,
    memberships: (userIds) =>
      query(
        `select user_id as "userId", conversation_id as "conversationId", joined_seq as "joinedSeq" from participants
         where user_id = any ($1 collate "C") and left_seq is null`,
        [userIds],
      ),
    leftSince: gathered(async (asks: readonly (readonly [string, number])[]) => {
      const rows = await query<{ i: number; id: number }>(LEFT_SINCE, [column(asks, 0), column(asks, 1)]);
      return byQuestion(asks, rows).map((found) => found.map(({ id }) => id));
    }, MOST_ASKED),
    clocks: (conversationIds) => query<ClockAt & Record<string, unknown>>(CLOCKS, [conversationIds]),
    newMessages: stretches(NEW_MESSAGES, 2),
    changedMessages: stretches(CHANGED_MESSAGES, 3),
    conversationTicks: gathered(async (asks: readonly (readonly [number, number, number])[]) => {
      const rows = await query<ConversationTicks & { i: number }>(CONVERSATION_TICKS, [
        column(asks, 0),
        column(asks, 1),
        column(asks, 2),
      ]);
      return byQuestion(asks, rows).map(([ticks]) => ticks ?? NOTHING_CHANGED);
    }, MOST_STRETCHES),
    moved: gathered(async (asks: readonly (readonly [string, number])[]) => {
      const rows = await query<MovedConversation & { i: number }>(MOVED, [column(asks, 0), column(asks, 1)]);
      return byQuestion(asks, rows);
    }, MOST_ASKED),
    standings: (userId, conversationIds) =>
      query<MovedConversation & Record<string, unknown>>(STANDINGS, [userId, conversationIds]),
    tickBefore: gathered(async (asks: readonly (readonly [number, number])[]) => {
      const rows = await query<{ tick: number }>(TICKS_BEFORE, [column(asks, 0), column(asks, 1)]);
      return rows.map(({ tick }) => tick);
    }, MOST_ASKED),
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
    async marksSince(userId, since, maxParticipants) {
      const { own, small } = await ownMarks(userId, since, maxParticipants);
      const from = Math.floor(since / MARKS_STEP_MS) * MARKS_STEP_MS;
      const others = await Promise.all(small.map((id) => marksOf(id, from)));
      return [...own, ...others.flat().filter((mark) => mark.userId !== userId)];
    },
  };
}

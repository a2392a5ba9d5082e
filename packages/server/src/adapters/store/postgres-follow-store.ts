import type { FollowBatch, FollowStore, TickRange } from "../../core/ports/follow.ts";
import type { Query } from "./line.ts";

const NEXT = `select held, conversation_ids as ids, sinces, throughs, coalesce(behind_ms, 0) as "behindMs"
  from next_ranges($1, $2, $3, $4)`;

const SETTLE = "select settle_ranges($1, $2, $3, $4, $5)";

const SKIP = `with settled as materialized (${SETTLE})
  insert into follower_skips (consumer, conversation_id, tick, reason)
  select $1, id, tick, $6 from settled, unnest($3, $5) as t (id, tick)
  on conflict do nothing`;

const RELEASE = "update followers set held_until = 'epoch' where consumer = $1 and holder = $2";

/** The first parameters of every statement that settles a batch. */
export function settlement({ consumer, holder, ranges }: FollowBatch): unknown[] {
  return [
    consumer,
    holder,
    ranges.map((range) => range.conversationId),
    ranges.map((range) => range.since),
    ranges.map((range) => range.through),
  ];
}

/** Statements: migration follow_and_search. */
export function createFollowStore(query: Query): FollowStore {
  return {
    async follow({ name, from }) {
      await query("select follow($1, $2)", [name, from === "beginning"]);
    },
    async next(consumer, holder, { leaseMs, ticks }) {
      const [row] = await query<NextRow>(NEXT, [consumer, holder, leaseMs, ticks]);
      if (row?.held !== true) return null;
      return { batch: { consumer, holder, ranges: rangesOf(row) }, behindMs: row.behindMs };
    },
    async settle(batch) {
      await query(SETTLE, settlement(batch));
    },
    async skip(batch, reason) {
      await query(SKIP, [...settlement(batch), reason]);
    },
    async release(consumer, holder) {
      await query(RELEASE, [consumer, holder]);
    },
  };
}

interface NextRow {
  readonly held: boolean;
  readonly ids: readonly number[] | null;
  readonly sinces: readonly number[];
  readonly throughs: readonly number[];
  readonly behindMs: number;
}

function rangesOf({ ids, sinces, throughs }: NextRow): TickRange[] {
  return (ids ?? []).map((conversationId, i) => ({
    conversationId,
    since: sinces[i] as number,
    through: throughs[i] as number,
  }));
}

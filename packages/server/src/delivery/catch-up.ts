import type { MarkMoved } from "../core/ports/message-log.ts";
import type { MovedConversation, TickReader } from "../core/ports/tick-reader.ts";
import { MAX_SIGNALLED_PARTICIPANTS } from "./channel.ts";
import type { Hub } from "./hub.ts";
import { missedEvents } from "./missed-events.ts";
import { epochTag, type Position, spellPosition } from "./position.ts";
import type { Session } from "./session.ts";
import type { Piece } from "./shared-answers.ts";

/** From where a client wants to go on. */
export type ResumeWish =
  | { readonly kind: "position"; readonly position: Position }
  /** The last tick it has of each conversation it names. */
  | {
      readonly kind: "clocks";
      readonly epoch: string | null;
      readonly clocks: ReadonlyMap<number, number>;
      /** Nothing of other conversations: neither which they are nor any marks. */
      readonly alone?: true;
    };

export interface Reset {
  /** Absent: all of them. */
  readonly conversationId?: number;
  readonly reason: "epoch_changed" | "ahead_of_log" | "forbidden";
}

export interface CatchUpReport {
  readonly resets: readonly Reset[];
  /** Conversations of which something was told. */
  readonly told: readonly number[];
  /** With `clocks`: the user's conversations that were not named. */
  readonly unnamed: readonly number[];
  /** Marks that moved meanwhile, as they are now. */
  readonly marks: readonly MarkMoved[];
  /** The last tick told of a conversation that the user is in. */
  readonly toldTo: (conversationId: number) => number;
}

/** Clocks of servers and of the database may differ by so much; marks told twice do no harm. */
const MARKS_OVERLAP_MS = 60_000;

/** Conversations whose first pages are asked for together, and held in memory until it is their turn. */
const ASKED_AT_ONCE = 16;

interface Parts {
  readonly hub: Hub;
  readonly reader: TickReader;
}

interface Start {
  readonly moved: MovedConversation;
  readonly since: number;
}

/**
 * Brings a session from where its client was to live: everything missed, in order, once; then, through
 * `finish`, what is personal; then what came meanwhile. Where it cannot, the report says so: never silence.
 */
export async function catchUp(
  parts: Parts,
  session: Session,
  wish: ResumeWish,
  finish: (report: CatchUpReport) => Promise<void>,
): Promise<void> {
  const { hub, reader } = parts;
  // Order matters: first keep back what is live, then look.
  session.hold(hub.horizon.xid);
  session.lateJoins = [];
  if (wish.kind === "position") session.standAt(spellPosition(wish.position));
  const floors = new Map<number, number>();
  try {
    const reset = await impossible(hub, reader, wish);
    if (reset === null) await tellAll(parts, session, wish, floors, finish);
    else await finish({ resets: [reset], told: [], unnamed: [], marks: [], toldTo: () => 0 });
    // Last, for they may come until the very end.
    for (const join of session.lateJoins) {
      const floor = floors.get(join.conversationId) ?? 0;
      if (floor >= join.through) continue;
      const since = Math.max(join.since, floor);
      const stretch = { ...join, since, visibleFrom: since + 1, xid: 0 };
      for await (const events of missedEvents(reader, stretch)) await session.feed(events);
      floors.set(join.conversationId, join.through);
    }
    session.raiseFloors(floors);
  } finally {
    session.lateJoins = null;
    session.release();
  }
}

async function tellAll(
  parts: Parts,
  session: Session,
  wish: ResumeWish,
  floors: Map<number, number>,
  finish: (report: CatchUpReport) => Promise<void>,
): Promise<void> {
  const { hub, reader } = parts;
  const resets: Reset[] = [];
  const starts =
    wish.kind === "position"
      ? await fromPosition(parts, session, wish)
      : await fromClocks(reader, session, wish, resets);
  const told: number[] = [];
  for (let first = 0; first < starts.length; first += ASKED_AT_ONCE) {
    const some = starts.slice(first, first + ASKED_AT_ONCE);
    const missed = await Promise.all(some.map((start) => missedOf(hub, reader, session, start)));
    for (const [i, { moved, since }] of some.entries()) {
      const { through, events } = missed[i] as Missed;
      if (session.ended) return;
      if (since > moved.clock) {
        resets.push({ conversationId: moved.conversationId, reason: "ahead_of_log" });
        continue;
      }
      floors.set(moved.conversationId, through);
      if (events === null) continue;
      for await (const piece of events) {
        if (session.ended) return;
        await session.feedPiece(piece);
      }
      told.push(moved.conversationId);
      if (moved.leftSeq !== null) hub.noteLeft(session.userId, moved.conversationId, moved.movedXid, through);
      else if (!session.ended && session.receives(moved.conversationId))
        hub.noteCaughtUp(session.userId, moved.conversationId, through);
    }
  }
  const toldTo = (id: number): number => floors.get(id) ?? hub.clockFor(session.userId, id);
  if (wish.kind === "clocks" && wish.alone) {
    await finish({ resets, told, unnamed: [], marks: [], toldTo });
    return;
  }
  const unnamed = wish.kind === "clocks" ? await notNamed(reader, session.userId, wish.clocks) : [];
  const since = wish.kind === "position" ? wish.position.at * 1_000 - MARKS_OVERLAP_MS : 0;
  const marks = await reader.marksSince(session.userId, since, MAX_SIGNALLED_PARTICIPANTS);
  await finish({ resets, told, unnamed, marks, toldTo });
}

async function impossible(hub: Hub, reader: TickReader, wish: ResumeWish): Promise<Reset | null> {
  const epoch = await reader.epoch();
  if (wish.kind === "clocks") {
    return wish.epoch === null || wish.epoch === epoch ? null : { reason: "epoch_changed" };
  }
  if (wish.position.epoch !== epochTag(epoch)) return { reason: "epoch_changed" };
  // A horizon that this node has not reached may still be another node's: the store knows.
  if (wish.position.horizon <= hub.horizon.xid) return null;
  return wish.position.horizon > (await reader.nextXid()) ? { reason: "ahead_of_log" } : null;
}

async function fromPosition(
  { hub, reader }: Parts,
  session: Session,
  { position }: ResumeWish & { kind: "position" },
): Promise<Start[]> {
  // Where this node lags behind the one that gave the position, it tells what the client has: what has moved since
  // its own horizon, as that was when it began to keep things back, is looked at too, if only to know up to where
  // that is.
  const moved = await reader.moved(session.userId, Math.min(position.horizon, session.keptSince));
  const epoch = await reader.epoch();
  return await Promise.all(
    moved.map(async (one) => {
      const named = position.clocks.get(one.conversationId);
      if (named !== undefined) return { moved: one, since: named };
      const now = { clock: one.clock, epoch };
      const before = await hub.answers.tickBefore(one.conversationId, position.horizon, now);
      return { moved: one, since: Math.max(before, one.joinedSeq - 1) };
    }),
  );
}

async function fromClocks(
  reader: TickReader,
  session: Session,
  { clocks }: ResumeWish & { kind: "clocks" },
  resets: Reset[],
): Promise<Start[]> {
  const standings = await reader.standings(session.userId, [...clocks.keys()]);
  const known = new Map(standings.map((one) => [one.conversationId, one]));
  const starts: Start[] = [];
  for (const [conversationId, since] of clocks) {
    const moved = known.get(conversationId);
    if (moved === undefined) resets.push({ conversationId, reason: "forbidden" });
    else starts.push({ moved, since });
  }
  return starts;
}

interface Missed {
  readonly through: number;
  /** Null: nothing. */
  readonly events: AsyncIterable<Piece> | null;
}

async function missedOf(
  hub: Hub,
  reader: TickReader,
  session: Session,
  { moved, since }: Start,
): Promise<Missed> {
  const { conversationId, movedXid: xid, leftSeq } = moved;
  if (since > moved.clock) return { through: moved.clock, events: null };
  // Another node may have let them in, and this one not have heard: told of it behind this, it would tell all again.
  if (leftSeq === null) await hub.join(session.userId, conversationId, moved.joinedSeq);
  // Up to where the hub stands, and not where the store stood: then what it kept back so far is all told here, in
  // its latest state, and what it says next begins behind it.
  const through = leftSeq ?? (await hub.toldTo(session.userId, moved));
  if (since >= through) return { through, events: null };
  const visibleFrom = moved.deleted ? through + 1 : moved.historyVisible ? 0 : moved.joinedSeq;
  const stretch = { conversationId, since, through, visibleFrom, xid, isLeft: leftSeq !== null };
  return {
    through,
    events: hub.answers.missed(stretch, { clock: moved.clock, epoch: await reader.epoch() }),
  };
}

async function notNamed(
  reader: TickReader,
  userId: string,
  clocks: ReadonlyMap<number, number>,
): Promise<readonly number[]> {
  const memberships = await reader.memberships([userId]);
  return memberships.map((one) => one.conversationId).filter((id) => !clocks.has(id));
}

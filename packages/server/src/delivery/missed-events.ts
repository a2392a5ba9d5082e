import type { Event } from "@parlance/protocol/events.ts";
import type { ConversationHead } from "@parlance/protocol/model.ts";
import type { ConversationTicks, TickReader } from "../core/ports/tick-reader.ts";

/** What of a conversation is meant: ticks in `(since, through]`. */
export interface Stretch {
  readonly conversationId: number;
  readonly since: number;
  readonly through: number;
  /** Messages before this tick are not shown: somebody who joined late, where history is not visible. */
  readonly visibleFrom: number;
  /** The transaction said to have made these events: the latest that moved the conversation. */
  readonly xid: number;
  /** It is told to somebody who left at `through`: nothing of what came after that is shown. */
  readonly isLeft?: boolean;
}

const PAGE = 500;

/**
 * What happened in a stretch, from the store, each thing once and in its latest state: new messages by seq and among
 * them, by rev, older ones that changed, so that a client may stop after any of them and go on behind its tick; then
 * who is in it and how it is set. Something changed again after `through` is left to whoever tells that later change.
 */
export async function* missedEvents(reader: TickReader, stretch: Stretch): AsyncGenerator<readonly Event[]> {
  // Asked for with the first messages, so that the store is asked once for all three.
  const asked = reader.conversationTicks(stretch.conversationId, stretch.since, stretch.through);
  asked.catch(() => {});
  yield* inTickOrder(newMessages(reader, stretch), changedMessages(reader, stretch));
  const ticks = await asked;
  if (ticks.head !== null) yield [changedEvent(stretch, ticks, ticks.head)];
}

/** The same, the first of it asked for at once and not when it is wanted. */
export function missedEventsSoon(reader: TickReader, stretch: Stretch): AsyncIterable<readonly Event[]> {
  const events = missedEvents(reader, stretch);
  const first = events.next();
  first.catch(() => {});
  return {
    async *[Symbol.asyncIterator]() {
      const { done, value } = await first;
      if (done !== true) yield value;
      yield* events;
    },
  };
}

async function* newMessages(reader: TickReader, stretch: Stretch): AsyncGenerator<readonly Event[], null> {
  const { conversationId, through, visibleFrom, xid } = stretch;
  for (let since = Math.max(stretch.since, visibleFrom - 1); since < through; ) {
    const messages = await reader.newMessages(conversationId, since, through, PAGE);
    // What was edited after they left cannot be shown as it was.
    const shown = stretch.isLeft ? messages.filter((message) => message.rev <= through) : messages;
    if (shown.length > 0) {
      yield shown.map((message) => ({
        type: "message.stored",
        conversationId,
        seq: message.seq,
        xid,
        message,
      }));
    }
    if (messages.length < PAGE) break;
    since = (messages.at(-1) as (typeof messages)[number]).seq;
  }
  return null;
}

async function* changedMessages(
  reader: TickReader,
  stretch: Stretch,
): AsyncGenerator<readonly Event[], null> {
  const { conversationId, through, visibleFrom, xid } = stretch;
  for (let since = stretch.since; since < through; ) {
    const messages = await reader.changedMessages(conversationId, stretch.since, since, through, PAGE);
    const visible = messages.filter((message) => message.seq >= visibleFrom);
    if (visible.length > 0) {
      yield visible.map((message) => ({
        type: "message.updated",
        conversationId,
        seq: message.rev,
        xid,
        message,
      }));
    }
    if (messages.length < PAGE) break;
    since = (messages.at(-1) as (typeof messages)[number]).rev;
  }
  return null;
}

/** Two sources of pages, each in order and none of them empty, as one. */
async function* inTickOrder(
  first: AsyncGenerator<readonly Event[], null>,
  second: AsyncGenerator<readonly Event[], null>,
): AsyncGenerator<readonly Event[]> {
  let [a, b] = await Promise.all([next(first), next(second)]);
  while (a !== null && b !== null) {
    const through = Math.min(lastTick(a), lastTick(b));
    const isDue = ({ seq }: Event): boolean => seq <= through;
    yield [...a.filter(isDue), ...b.filter(isDue)].sort((x, y) => x.seq - y.seq);
    a = a.filter((event) => !isDue(event));
    b = b.filter((event) => !isDue(event));
    if (a.length === 0) a = await next(first);
    if (b.length === 0) b = await next(second);
  }
  for (; a !== null; a = await next(first)) yield a;
  for (; b !== null; b = await next(second)) yield b;
}

const next = async (pages: AsyncGenerator<readonly Event[], null>): Promise<readonly Event[] | null> =>
  (await pages.next()).value;
const lastTick = (events: readonly Event[]): number => (events.at(-1) as Event).seq;

function changedEvent(
  { conversationId, through, xid, isLeft = false }: Stretch,
  ticks: ConversationTicks,
  head: ConversationHead,
): Event {
  return {
    type: "conversation.changed",
    conversationId,
    seq: through,
    xid,
    head: isLeft ? headForLeaver(head, through) : head,
    created: ticks.created,
    deleted: ticks.deleted,
    added: ticks.added,
    updated: ticks.updated,
    removed: ticks.removed.map((person) => person.userId),
  };
}

/** Heads are as they are now: to somebody who has left it only says which conversation that was. */
function headForLeaver({ conversation }: ConversationHead, clock: number): ConversationHead {
  return {
    conversation: {
      ...conversation,
      name: null,
      description: null,
      avatarUrl: null,
      participantCount: 0,
      clock,
    },
    participants: [],
  };
}

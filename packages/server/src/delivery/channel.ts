import type { Event, Signal } from "@parlance/protocol/events.ts";
import type { Log } from "../core/ports/log.ts";
import type { ClockAt, TickReader } from "../core/ports/tick-reader.ts";
import type { LocalUser } from "./local-user.ts";
import { missedEvents, type Stretch } from "./missed-events.ts";
import type { Codec } from "./outlet.ts";
import type { Session } from "./session.ts";
import { SharedFrames } from "./shared-frames.ts";

/**
 * In conversations of more people than this, who is online, has received and has read is not told live: each
 * change would be told to each of them, which grows with the square of their number.
 */
export const MAX_SIGNALLED_PARTICIPANTS = 100;

const FILL_RETRY_MS = 250;
/** What another node has stored before may be told after: it gets so long before the store is asked for it. */
const OVERTAKEN_MS = 40;
const NO_AUTHORS: ReadonlySet<string> = new Set();

/** What a channel needs of the node it is in. */
export interface ChannelHost {
  readonly reader: TickReader;
  readonly log: Log;
  /** Told of each message that reached a recipient's connection, in small conversations. */
  readonly noteDelivered: (conversationId: number, userId: string, seq: number) => void;
  /** The user of this id, if they listen here. */
  readonly localUser: (userId: string) => LocalUser | undefined;
  /** Somebody has heard of their own removal: nothing more is for them. */
  readonly removed: (channel: Channel, user: LocalUser) => void;
  /** A conversation's people or settings are others now. */
  readonly changed: (conversationId: number) => void;
}

/**
 * One conversation as this node hears it. It passes the next tick to who listens, drops an older one, and holds
 * whatever follows a hole until the store has filled it: the bus may forget, be late, or repeat itself.
 */
export class Channel {
  readonly id: number;
  /** Who listens, with the tick that let them in. */
  readonly users = new Map<LocalUser, number>();
  readonly #host: ChannelHost;
  /** How many users listen or are about to: at none it is forgotten. */
  interest = 0;
  /** Settles when it is subscribed and its clock is known. */
  ready: Promise<void> = Promise.resolve();
  /** The last tick told here; 0 until the store has been asked. */
  clock = 0;
  /** The greatest transaction told here. */
  movedXid = 0;
  #participantCount = 0;
  /** People who join later do not see what was said before, nor what becomes of it. */
  #hidesHistory = false;
  /** Events kept back: the clock is not yet known, or something before them is missing. */
  #held: Event[] | null = [];
  #filling: Promise<void> | null = null;
  /** Runs while what is held waits for what it has overtaken, and nobody asks the store. */
  #overtaken: NodeJS.Timeout | null = null;
  /** What newcomers are being told, while it is read. */
  #reading: { since: number; through: number; pages: Promise<readonly Page[]> } | null = null;
  /** The position frame of users for whom only this conversation has moved since the horizon, by codec. */
  readonly positionFrames = new Map<Codec, { clock: number; head: string; frame: Buffer | null }>();

  constructor(id: number, host: ChannelHost) {
    this.id = id;
    this.#host = host;
  }

  get isSmall(): boolean {
    return this.#participantCount <= MAX_SIGNALLED_PARTICIPANTS;
  }

  /** Begins at what the store has; undefined of a conversation it does not know. */
  start(at: ClockAt | undefined): void {
    this.clock = at?.clock ?? 0;
    this.movedXid = at?.movedXid ?? 0;
    this.#participantCount = at?.participantCount ?? 0;
    this.#hidesHistory = at?.historyVisible === false;
    this.#releaseHeld();
  }

  /** Consecutive ticks, in order, from the bus. */
  receive(events: readonly Event[]): void {
    if (this.#held !== null) {
      this.#held.push(...events);
      if (this.#overtaken !== null && events[0]?.seq === this.clock + 1) this.#releaseHeld();
      return;
    }
    const first = events[0];
    const last = events.at(-1);
    if (first === undefined || last === undefined || last.seq <= this.clock) return;
    if (first.seq === this.clock + 1) {
      this.#pass(events);
    } else if (first.seq <= this.clock) {
      this.#pass(events.filter((event) => event.seq > this.clock));
    } else {
      this.#held = [...events];
      this.#overtaken = setTimeout(() => void this.#fill(), OVERTAKEN_MS);
    }
  }

  signal(signal: Signal, except: string | undefined): void {
    const shared = new Map<Codec, Buffer | null>();
    const onlyTo = signal.type === "receipt" && !this.isSmall ? signal.marks.userId : null;
    for (const user of this.users.keys()) {
      if (user.id === except || (onlyTo !== null && user.id !== onlyTo)) continue;
      for (const session of user.sessions) session.signal(signal, shared);
    }
  }

  /** Resolves when everything up to this tick is told. */
  async catchUpTo(clock: number): Promise<void> {
    await this.ready;
    while (this.clock < clock && this.interest > 0) await this.#fill();
  }

  /** Tells sessions what happened in `(since, through]`; many are let in by one change: it is read and encoded once. */
  async tellNewcomers(sessions: readonly Session[], since: number, through: number): Promise<void> {
    for (const { events, shared } of await this.#readOnce(since, through)) {
      for (const session of sessions) session.tell(events, shared);
    }
    for (const session of sessions) session.positionMoved();
  }

  /** Tells the next ticks. Somebody who is removed hears of it, and nothing after it. */
  #pass(events: readonly Event[]): void {
    const removal = events.findIndex(
      (event) => event.type === "conversation.changed" && event.removed.length > 0,
    );
    const now = removal === -1 ? events : events.slice(0, removal + 1);
    const last = now.at(-1);
    if (last === undefined) return;
    this.clock = last.seq;
    let lastMessage = 0;
    const authors = new Set<string>();
    const hidHistory = this.#hidesHistory;
    for (const event of now) {
      this.movedXid = Math.max(this.movedXid, event.xid);
      if (event.type === "message.stored") {
        lastMessage = event.seq;
        authors.add(event.message.senderId);
      } else if (event.type === "conversation.changed") {
        this.#participantCount = event.head.conversation.participantCount;
        this.#hidesHistory = !event.head.conversation.settings.historyVisible;
        this.#host.changed(this.id);
      }
    }
    this.#deliver(now, this.isSmall ? lastMessage : 0, authors, hidHistory);
    if (removal === -1) return;
    if (last.type === "conversation.changed") for (const userId of last.removed) this.#letGo(userId);
    this.#pass(events.slice(removal + 1));
  }

  /**
   * @param delivered the seq that those whom it reached have received; 0: not noted
   * @param authors who wrote what is in it: nobody receives their own
   * @param hidHistory whether history was hidden before these
   */
  #deliver(
    events: readonly Event[],
    delivered: number,
    authors: ReadonlySet<string>,
    hidHistory: boolean,
  ): void {
    const all: Page = { events, shared: new SharedFrames(events) };
    const oldest = hidHistory || this.#hidesHistory ? oldestMessage(events) : Number.POSITIVE_INFINITY;
    for (const [user, joinedSeq] of this.users) {
      user.touch(this, this.movedXid, this.clock);
      const told = joinedSeq <= oldest ? all : visibleFrom(joinedSeq, all, hidHistory);
      let reached = false;
      for (const session of user.sessions) {
        session.deliver(told.events, told.shared);
        reached ||= !session.ended && !all.shared.isOrigin(session.id) && session.receives(this.id);
      }
      const isOwn = authors.size === 1 && authors.has(user.id);
      if (reached && delivered > 0 && !isOwn) this.#host.noteDelivered(this.id, user.id, delivered);
    }
  }

  #letGo(userId: string): void {
    const user = this.#host.localUser(userId);
    if (user !== undefined && this.users.has(user)) this.#host.removed(this, user);
  }

  /** Closes the hole before what is held, from the store, then tells what was held. */
  #fill(): Promise<void> {
    this.#stopWaiting();
    this.#held ??= [];
    this.#filling ??= this.#fillOnce().finally(() => {
      this.#filling = null;
    });
    return this.#filling;
  }

  async #fillOnce(): Promise<void> {
    // What is let go may end in another hole, which then waits for what it has overtaken.
    while (this.interest > 0 && this.#held !== null && this.#overtaken === null) {
      try {
        const heldBefore = this.#held.length;
        const [at] = await this.#host.reader.clocks([this.id]);
        if (at !== undefined && at.clock > this.clock) await this.#tellMissed(at);
        // Ticks that the store did not have after the bus spoke of them cannot be told; the sweep will find them.
        this.#held = this.#held.filter((event, i) => i >= heldBefore || event.seq <= (at?.clock ?? 0));
        this.#releaseHeld();
      } catch {
        this.#host.log.warn({}, "a hole stays open until the store answers");
        await new Promise((resolve) => setTimeout(resolve, FILL_RETRY_MS));
      }
    }
  }

  async #tellMissed({ clock, movedXid, participantCount, historyVisible }: ClockAt): Promise<void> {
    const { reader } = this.#host;
    this.#participantCount = participantCount;
    this.#hidesHistory = !historyVisible;
    this.#host.changed(this.id);
    const stretch: Stretch = {
      conversationId: this.id,
      since: this.clock,
      through: clock,
      visibleFrom: 0,
      xid: movedXid,
    };
    // Whoever was removed in this stretch may see what came before that, and nothing of what came after.
    const { removed, deleted } = await reader.conversationTicks(this.id, this.clock, clock);
    for (const { userId, leftSeq } of removed) {
      const user = this.#host.localUser(userId);
      const joinedSeq = user === undefined ? undefined : this.users.get(user);
      if (user === undefined || joinedSeq === undefined) continue;
      const visibleFrom = deleted ? leftSeq + 1 : historyVisible ? 0 : joinedSeq;
      const toLeft = { ...stretch, through: leftSeq, visibleFrom, isLeft: true };
      for await (const events of missedEvents(reader, toLeft)) {
        for (const session of user.sessions) session.deliver(events, new SharedFrames(events));
      }
      user.touch(this, movedXid, leftSeq);
      this.#letGo(userId);
    }
    const pages: (readonly Event[])[] = [];
    for await (const events of missedEvents(reader, stretch)) pages.push(events);
    this.clock = clock;
    this.movedXid = Math.max(this.movedXid, movedXid);
    for (const events of pages) this.#deliver(events, 0, NO_AUTHORS, !historyVisible);
    for (const user of this.users.keys()) user.touch(this, this.movedXid, clock);
  }

  #stopWaiting(): void {
    if (this.#overtaken !== null) clearTimeout(this.#overtaken);
    this.#overtaken = null;
  }

  #releaseHeld(): void {
    this.#stopWaiting();
    const held = this.#held ?? [];
    this.#held = null;
    held.sort((a, b) => a.seq - b.seq);
    let run: Event[] = [];
    for (const event of held) {
      const before = run.at(-1);
      if (event.seq <= this.clock || event.seq === before?.seq) continue;
      if (before !== undefined && event.seq !== before.seq + 1) {
        this.receive(run);
        run = [];
      }
      run.push(event);
    }
    if (run.length > 0) this.receive(run);
  }

  #readOnce(since: number, through: number): Promise<readonly Page[]> {
    const known = this.#reading;
    if (known?.since === since && known.through === through) return known.pages;
    const reading = { since, through, pages: this.#readPages(since, through) };
    this.#reading = reading;
    const forget = (): void => {
      if (this.#reading === reading) this.#reading = null;
    };
    reading.pages.then(forget, forget);
    return reading.pages;
  }

  async #readPages(since: number, through: number): Promise<readonly Page[]> {
    const { id: conversationId, movedXid: xid } = this;
    const pages: Page[] = [];
    const stretch = { conversationId, since, through, visibleFrom: since + 1, xid };
    for await (const events of missedEvents(this.#host.reader, stretch)) {
      pages.push({ events, shared: new SharedFrames(events) });
    }
    return pages;
  }
}

interface Page {
  readonly events: readonly Event[];
  readonly shared: SharedFrames;
}

function oldestMessage(events: readonly Event[]): number {
  let oldest = Number.POSITIVE_INFINITY;
  for (const event of events) {
    if (event.type !== "conversation.changed") oldest = Math.min(oldest, event.message.seq);
  }
  return oldest;
}

/** What of it somebody who joined then may know of: while history is hidden, nothing of messages from before that. */
function visibleFrom(joinedSeq: number, { events }: Page, hidHistory: boolean): Page {
  let hides = hidHistory;
  const visible = events.filter((event) => {
    if (event.type !== "conversation.changed") return !hides || event.message.seq >= joinedSeq;
    hides = !event.head.conversation.settings.historyVisible;
    return true;
  });
  return { events: visible, shared: new SharedFrames(visible) };
}

import type { Event, Signal } from "@parlance/protocol/events.ts";
import { createGather } from "../core/gather.ts";
import type { Bus, News } from "../core/ports/bus.ts";
import type { Log } from "../core/ports/log.ts";
import type { ClockAt, TickReader } from "../core/ports/tick-reader.ts";
import { Channel, type Page } from "./channel.ts";
import { createFlusher } from "./flusher.ts";
import { LocalUser } from "./local-user.ts";
import { missedEvents } from "./missed-events.ts";
import { MAX_NAMES, positionHead, positionName } from "./position.ts";
import { type Codec, type Outlet, Session, SharedFrames } from "./session.ts";

export interface HubOptions {
  readonly bus: Bus;
  readonly reader: TickReader;
  readonly log: Log;
  readonly maxSendQueueBytes: number;
  readonly maxSessionsPerUser: number;
  /** Told of each message that reached a recipient's connection, in small conversations. */
  readonly noteDelivered: (conversationId: number, userId: string, seq: number) => void;
}

const FILL_RETRY_MS = 250;

/**
 * This node's register of who listens to what. It passes each conversation's next tick, drops an older one, and
 * holds whatever follows a hole until the store has filled it: the bus may forget, be late, or repeat itself.
 */
export class Hub {
  readonly #options: HubOptions;
  readonly #channels = new Map<number, Channel>();
  readonly #users = new Map<string, LocalUser>();
  readonly #flusher = createFlusher((userId, codec) => this.#positionFrame(userId, codec));
  readonly #memberships;
  readonly #clocks;
  #nextSession = 1;
  #epoch = "";
  #horizon = 0;
  #head = "";

  constructor(options: HubOptions) {
    this.#options = options;
    const { reader } = options;
    this.#memberships = createGather(async (userIds: readonly string[]) => {
      const byUser = new Map<string, number[]>(userIds.map((id) => [id, []]));
      for (const row of await reader.memberships(userIds)) byUser.get(row.userId)?.push(row.conversationId);
      return byUser;
    });
    this.#clocks = createGather(async (ids: readonly number[]) => {
      return new Map((await reader.clocks(ids)).map((clock) => [clock.conversationId, clock]));
    });
    options.bus.listen({ news: (news) => this.#hear(news), lost: () => {} });
  }

  get epoch(): string {
    return this.#epoch;
  }

  get horizon(): number {
    return this.#horizon;
  }

  get sessionCount(): number {
    let count = 0;
    for (const user of this.#users.values()) count += user.sessions.size;
    return count;
  }

  sessions(): Session[] {
    return [...this.#users.values()].flatMap((user) => [...user.sessions]);
  }

  isHere(userId: string): boolean {
    return this.#users.has(userId);
  }

  mayAttach(userId: string): boolean {
    return (this.#users.get(userId)?.sessions.size ?? 0) < this.#options.maxSessionsPerUser;
  }

  /** Conversations of a user's that presence is told in. */
  smallConversations(userId: string): number[] {
    const channels = this.#users.get(userId)?.channels.values() ?? [];
    return [...channels].filter((channel) => channel.small).map((channel) => channel.id);
  }

  /** Notes what a session was told of a conversation that its user has left. */
  noteLeft(userId: string, conversationId: number, xid: number, clock: number): void {
    this.#users.get(userId)?.touch(conversationId, xid, clock);
  }

  /**
   * Registers a connection. It holds back live events until `session.release()`; what is told from then on
   * follows the position that the hub gives at that moment.
   */
  async attach(userId: string, outlet: Outlet): Promise<Session> {
    const session = new Session(
      `s${this.#nextSession++}`,
      userId,
      outlet,
      this.#options.maxSendQueueBytes,
      this.#flusher,
    );
    let user = this.#users.get(userId);
    if (user === undefined) {
      user = new LocalUser(userId);
      this.#users.set(userId, user);
      user.loaded = this.#load(user);
    }
    user.sessions.add(session);
    try {
      await user.loaded;
    } catch (error) {
      this.detach(session);
      throw error;
    }
    return session;
  }

  detach(session: Session): void {
    session.gone();
    const user = this.#users.get(session.userId);
    if (user === undefined || !user.sessions.delete(session) || user.sessions.size > 0) return;
    this.#users.delete(user.id);
    this.#options.bus.unsubscribe(`user:${user.id}`);
    for (const channel of user.channels.values()) this.#leave(channel, user);
  }

  /** The position of all that has been told to this user here. */
  position(userId: string): string {
    const user = this.#users.get(userId);
    return user === undefined ? this.#head : this.#head + this.#names(user);
  }

  /** What was told here; 0 of a conversation whose clock is not known yet. */
  clocks(): { conversationId: number; clock: number }[] {
    return [...this.#channels.values()].map(({ id, clock }) => ({ conversationId: id, clock }));
  }

  userIds(): string[] {
    return [...this.#users.keys()];
  }

  /** The store is ahead of what was told: fills the hole and resolves when it is closed. */
  async catchUpTo(ahead: ClockAt): Promise<void> {
    const channel = this.#channels.get(ahead.conversationId);
    if (channel === undefined) return;
    await channel.ready;
    while (channel.clock < ahead.clock && this.#channels.get(channel.id) === channel)
      await this.#fill(channel);
  }

  /** Catches up to it, and answers the last tick of it that the user was told here. */
  async toldTo(userId: string, ahead: ClockAt): Promise<number> {
    await this.catchUpTo(ahead);
    return this.#users.get(userId)?.channels.get(ahead.conversationId)?.clock ?? ahead.clock;
  }

  /** Makes sure that somebody who was let in hears the conversation, from that tick on. */
  async join(userId: string, conversationId: number, joinedSeq: number): Promise<void> {
    const user = this.#users.get(userId);
    if (user === undefined) return;
    await user.loaded;
    const joining = user.joining.get(conversationId);
    if (joining !== undefined) return joining;
    if (user.channels.has(conversationId)) return;
    const joined = this.#join(user, conversationId, joinedSeq).finally(() =>
      user.joining.delete(conversationId),
    );
    user.joining.set(conversationId, joined);
    return joined;
  }

  /** Every transaction before `horizon` is finished and told here: positions are built on it from now on. */
  advance(epoch: string, horizon: number, at: number): void {
    this.#epoch = epoch;
    this.#horizon = horizon;
    this.#head = positionHead(epoch, horizon, at);
  }

  #hear(news: readonly News[]): void {
    for (const item of news) {
      if (item.kind === "events") {
        const channel = this.#channels.get(item.conversationId);
        if (channel !== undefined) this.#receive(channel, item.events);
      } else if (item.kind === "signal") {
        this.#signal(item.conversationId, item.signal, item.except);
      } else if (item.kind === "presence") {
        this.#presence(item.conversationIds, item.signal);
      } else {
        this.join(item.userId, item.conversationId, item.seq).catch((error: unknown) => {
          this.#options.log.warn({ error: nameOf(error) }, "a new membership waits for the sweep");
        });
      }
    }
  }

  #receive(channel: Channel, events: readonly Event[]): void {
    if (channel.held !== null) {
      channel.held.push(...events);
      return;
    }
    const first = events[0];
    const last = events.at(-1);
    if (first === undefined || last === undefined || last.seq <= channel.clock) return;
    if (first.seq === channel.clock + 1) {
      this.#pass(channel, events);
    } else if (first.seq <= channel.clock) {
      this.#receive(
        channel,
        events.filter((event) => event.seq > channel.clock),
      );
    } else {
      channel.held = [...events];
      this.#fill(channel).catch(() => {});
    }
  }

  /** Tells the next ticks. Somebody who is removed hears of it, and nothing after it. */
  #pass(channel: Channel, events: readonly Event[]): void {
    const removal = events.findIndex(
      (event) => event.type === "conversation.changed" && event.removed.length > 0,
    );
    const now = removal === -1 ? events : events.slice(0, removal + 1);
    const last = now.at(-1);
    if (last === undefined) return;
    channel.clock = last.seq;
    let xid = 0;
    let lastMessage = 0;
    for (const event of now) {
      xid = Math.max(xid, event.xid);
      if (event.type === "message.stored") lastMessage = event.seq;
      else if (event.type === "conversation.changed")
        channel.participantCount = event.head.conversation.participantCount;
    }
    channel.movedXid = Math.max(channel.movedXid, xid);
    const shared = new SharedFrames(now);
    for (const user of channel.users) {
      user.touch(channel.id, channel.movedXid, channel.clock);
      let reached = false;
      for (const session of user.sessions) {
        session.deliver(now, shared);
        reached ||= !session.ended && !shared.isOrigin(session.id);
      }
      if (reached && lastMessage > 0 && channel.small)
        this.#options.noteDelivered(channel.id, user.id, lastMessage);
    }
    if (removal === -1) return;
    if (last.type === "conversation.changed") {
      for (const userId of last.removed) {
        const user = this.#users.get(userId);
        if (user?.channels.delete(channel.id)) this.#leave(channel, user);
      }
    }
    this.#pass(channel, events.slice(removal + 1));
  }

  /** Closes the hole before what is held, from the store, then tells what was held. */
  #fill(channel: Channel): Promise<void> {
    channel.held ??= [];
    channel.filling ??= this.#fillOnce(channel).finally(() => {
      channel.filling = null;
    });
    return channel.filling;
  }

  async #fillOnce(channel: Channel): Promise<void> {
    for (;;) {
      try {
        const [clock] = await this.#options.reader.clocks([channel.id]);
        if (clock !== undefined && clock.clock > channel.clock) await this.#tellMissed(channel, clock);
        // What the bus said of ticks that the store does not have cannot be told; the sweep will find them.
        channel.held = channel.held?.filter((event) => event.seq <= (clock?.clock ?? 0)) ?? [];
        break;
      } catch (error) {
        if (!this.#channels.has(channel.id)) return;
        this.#options.log.warn({ error: nameOf(error) }, "a hole stays open until the store answers");
        await new Promise((resolve) => setTimeout(resolve, FILL_RETRY_MS));
      }
    }
    this.#releaseHeld(channel);
  }

  async #tellMissed(channel: Channel, { clock, movedXid }: ClockAt): Promise<void> {
    const { reader } = this.#options;
    const stretch = {
      conversationId: channel.id,
      since: channel.clock,
      through: clock,
      visibleFrom: 0,
      xid: movedXid,
    };
    // Whoever was removed in this stretch may see what came before that, and nothing of what came after.
    const { removed } = await reader.conversationTicks(channel.id, channel.clock, clock);
    for (const { userId, leftSeq } of removed) {
      const user = this.#users.get(userId);
      if (user === undefined || !user.channels.has(channel.id)) continue;
      for await (const events of missedEvents(reader, { ...stretch, through: leftSeq })) {
        for (const session of user.sessions) session.deliver(events, new SharedFrames(events));
      }
      user.touch(channel.id, movedXid, leftSeq);
      user.channels.delete(channel.id);
      this.#leave(channel, user);
    }
    const pages = [];
    for await (const events of missedEvents(reader, stretch)) pages.push(events);
    for (const events of pages) {
      const shared = new SharedFrames(events);
      for (const user of channel.users) for (const session of user.sessions) session.deliver(events, shared);
    }
    channel.clock = clock;
    channel.movedXid = Math.max(channel.movedXid, movedXid);
    for (const user of channel.users) user.touch(channel.id, channel.movedXid, clock);
  }

  #releaseHeld(channel: Channel): void {
    const held = channel.held ?? [];
    channel.held = null;
    held.sort((a, b) => a.seq - b.seq);
    let run: Event[] = [];
    for (const event of held) {
      const before = run.at(-1);
      if (event.seq <= channel.clock || event.seq === before?.seq) continue;
      if (before !== undefined && event.seq !== before.seq + 1) {
        this.#receive(channel, run);
        run = [];
      }
      run.push(event);
    }
    if (run.length > 0) this.#receive(channel, run);
  }

  #signal(conversationId: number, signal: Signal, except: string | undefined): void {
    const channel = this.#channels.get(conversationId);
    if (channel === undefined) return;
    const shared = new Map<Codec, Buffer | null>();
    const ownOnly = signal.type === "receipt" && !channel.small;
    for (const user of channel.users) {
      if (user.id === except || (ownOnly && signal.type === "receipt" && user.id !== signal.marks.userId))
        continue;
      for (const session of user.sessions) session.signal(signal, shared);
    }
  }

  #presence(conversationIds: readonly number[], signal: Signal): void {
    const audience = new Set<LocalUser>();
    for (const id of conversationIds)
      for (const user of this.#channels.get(id)?.users ?? []) audience.add(user);
    const shared = new Map<Codec, Buffer | null>();
    for (const user of audience) for (const session of user.sessions) session.signal(signal, shared);
  }

  /** Order: the user's topic, memberships, the conversations' topics, their clocks. */
  async #load(user: LocalUser): Promise<void> {
    const { bus } = this.#options;
    await bus.subscribe(`user:${user.id}`);
    const ids = await this.#memberships(user.id);
    await Promise.all((ids ?? []).map((id) => this.#enter(user, id)));
  }

  async #enter(user: LocalUser, conversationId: number): Promise<Channel | null> {
    const channel = this.#open(conversationId);
    try {
      await channel.ready;
    } catch (error) {
      this.#lose(channel);
      throw error;
    }
    // The last session may have gone meanwhile, and the user with it.
    if (this.#users.get(user.id) !== user) {
      this.#lose(channel);
      return null;
    }
    user.channels.set(channel.id, channel);
    channel.users.add(user);
    if (channel.movedXid >= this.#horizon) user.touch(channel.id, channel.movedXid, channel.clock);
    return channel;
  }

  /** Counts one more interested in it: pair with `#lose`. */
  #open(conversationId: number): Channel {
    let channel = this.#channels.get(conversationId);
    if (channel === undefined) {
      channel = new Channel(conversationId);
      this.#channels.set(conversationId, channel);
      channel.ready = this.#start(channel);
    }
    channel.interest++;
    return channel;
  }

  #lose(channel: Channel): void {
    channel.interest--;
    if (channel.interest > 0 || this.#channels.get(channel.id) !== channel) return;
    this.#channels.delete(channel.id);
    this.#options.bus.unsubscribe(`conversation:${channel.id}`);
  }

  async #start(channel: Channel): Promise<void> {
    await this.#options.bus.subscribe(`conversation:${channel.id}`);
    const clock = await this.#clocks(channel.id);
    channel.clock = clock?.clock ?? 0;
    channel.movedXid = clock?.movedXid ?? 0;
    channel.participantCount = clock?.participantCount ?? 0;
    this.#releaseHeld(channel);
  }

  async #join(user: LocalUser, conversationId: number, joinedSeq: number): Promise<void> {
    const channel = await this.#enter(user, conversationId);
    if (channel === null) return;
    // Sessions that come later start behind this tick anyway; those that catch up see to it themselves.
    const since = joinedSeq - 1;
    const through = channel.clock;
    const sessions = [];
    for (const session of user.sessions) {
      if (session.lateJoins !== null) session.lateJoins.push({ conversationId, since, through });
      else sessions.push(session);
    }
    for (const session of sessions) session.hold();
    try {
      for (const { events, shared } of await this.#readOnce(channel, since, through)) {
        for (const session of sessions) session.tell(events, shared);
      }
      for (const session of sessions) session.positionMoved();
    } finally {
      for (const session of sessions) session.release();
    }
  }

  /** Everybody who is let in by the same change is told the same: it is read and encoded once. */
  #readOnce(channel: Channel, since: number, through: number): Promise<readonly Page[]> {
    const known = channel.reading;
    if (known?.since === since && known.through === through) return known.pages;
    const { id: conversationId, movedXid: xid } = channel;
    const read = async (): Promise<readonly Page[]> => {
      const pages = [];
      const stretch = { conversationId, since, through, visibleFrom: since + 1, xid };
      for await (const events of missedEvents(this.#options.reader, stretch)) {
        pages.push({ events, shared: new SharedFrames(events) });
      }
      return pages;
    };
    const reading = { since, through, pages: read() };
    channel.reading = reading;
    const forget = (): void => {
      if (channel.reading === reading) channel.reading = null;
    };
    reading.pages.then(forget, forget);
    return reading.pages;
  }

  #leave(channel: Channel, user: LocalUser): void {
    channel.users.delete(user);
    this.#lose(channel);
  }

  #names(user: LocalUser): string {
    let names = "";
    let count = 0;
    for (const [conversationId, { xid, clock }] of user.recent) {
      if (xid < this.#horizon) user.recent.delete(conversationId);
      else if (++count <= MAX_NAMES) names += (names === "" ? "" : "_") + positionName(conversationId, clock);
    }
    return names;
  }

  #positionFrame(userId: string, codec: Codec): Buffer | null {
    const user = this.#users.get(userId);
    if (user === undefined) return null;
    if (user.recent.size !== 1) return codec.position(this.position(userId));
    const [[conversationId, { clock }]] = user.recent as unknown as [[number, { clock: number }]];
    const channel = user.channels.get(conversationId);
    if (channel === undefined || channel.clock !== clock) return codec.position(this.position(userId));
    const known = channel.positionFrames.get(codec);
    if (known?.clock === clock && known.horizon === this.#horizon) return known.frame;
    const frame = codec.position(this.position(userId));
    channel.positionFrames.set(codec, { clock, horizon: this.#horizon, frame });
    return frame;
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.message : "unknown";
}

import type { EntrySignal, Signal, TypingSignal } from "@parlance/protocol/events.ts";
import { createGather } from "../core/gather.ts";
import type { Bus, News } from "../core/ports/bus.ts";
import type { Log } from "../core/ports/log.ts";
import type { ClockAt, TickReader } from "../core/ports/tick-reader.ts";
import { Channel, type ChannelHost } from "./channel.ts";
import { createFlusher } from "./flusher.ts";
import { Horizon } from "./horizon.ts";
import { LocalUser } from "./local-user.ts";
import type { Codec, EndReason, Outlet } from "./outlet.ts";
import { Session } from "./session.ts";
import { SharedAnswers } from "./shared-answers.ts";

export interface HubOptions {
  readonly bus: Bus;
  readonly reader: TickReader;
  readonly log: Log;
  readonly maxSendQueueBytes: number;
  readonly maxSessionsPerUser: number;
  readonly noteDelivered: ChannelHost["noteDelivered"];
  /** Tells this node's sessions from other nodes'. */
  readonly nodeId: string;
  /** Called when the bus may have lost something: the sweep finds it. */
  readonly onLost: () => void;
  /** Told what others here may remember otherwise. */
  readonly watch?: {
    readonly conversationChanged: (conversationId: number) => void;
    readonly userChanged: (userId: string) => void;
    readonly typingHeard: (signal: TypingSignal) => void;
  };
}

/** This node's register of who listens to what. What is told, and in which order, is each channel's business. */
export class Hub {
  readonly horizon = new Horizon();
  readonly answers: SharedAnswers;
  readonly #options: HubOptions;
  readonly #host: ChannelHost;
  readonly #channels = new Map<number, Channel>();
  readonly #users = new Map<string, LocalUser>();
  readonly #flusher = createFlusher(this.horizon);
  /** By conversation, with the tick that let the user in. */
  readonly #memberships: (userId: string) => Promise<ReadonlyMap<number, number> | undefined>;
  readonly #clocks: (conversationId: number) => Promise<ClockAt | undefined>;
  #nextSession = 1;

  constructor(options: HubOptions) {
    this.#options = options;
    const { bus, reader, log, noteDelivered } = options;
    this.answers = new SharedAnswers(reader);
    this.#host = {
      reader,
      log,
      noteDelivered,
      localUser: (userId) => this.#users.get(userId),
      removed: (channel, user) => {
        user.channels.delete(channel.id);
        this.#leave(channel, user);
      },
      changed: (conversationId) => options.watch?.conversationChanged(conversationId),
    };
    this.#memberships = createGather(async (userIds) => {
      const byUser = new Map<string, Map<number, number>>(userIds.map((id) => [id, new Map()]));
      for (const { userId, conversationId, joinedSeq } of await reader.memberships(userIds)) {
        byUser.get(userId)?.set(conversationId, joinedSeq);
      }
      return byUser;
    });
    this.#clocks = createGather(async (ids) => {
      return new Map((await reader.clocks(ids)).map((clock) => [clock.conversationId, clock]));
    });
    bus.listen({ news: (news) => this.#hear(news), lost: options.onLost });
  }

  /** Sessions that the server has ended so far, by why. */
  readonly endings: Record<EndReason, number> = { slow_consumer: 0, restart: 0, expired: 0, deactivated: 0 };

  get sessionCount(): number {
    let count = 0;
    for (const user of this.#users.values()) count += user.sessions.size;
    return count;
  }

  sessions(): Session[] {
    return [...this.#users.values()].flatMap((user) => [...user.sessions]);
  }

  mayAttach(userId: string): boolean {
    return (this.#users.get(userId)?.sessions.size ?? 0) < this.#options.maxSessionsPerUser;
  }

  /** Conversations of a user's that presence is told in. */
  smallConversations(userId: string): number[] {
    const channels = this.#users.get(userId)?.channels.values() ?? [];
    return [...channels].filter((channel) => channel.isSmall).map((channel) => channel.id);
  }

  /** What was missed and then told has reached its reader as much as what is told live. */
  noteCaughtUp(userId: string, conversationId: number, seq: number): void {
    if (this.#channels.get(conversationId)?.isSmall) {
      this.#options.noteDelivered(conversationId, userId, seq);
    }
  }

  /** Notes what a session was told of a conversation that its user has left. */
  noteLeft(userId: string, conversationId: number, xid: number, clock: number): void {
    this.#users.get(userId)?.touchLeft(conversationId, xid, clock);
  }

  /**
   * Registers a connection. It holds back live events until `session.release()`; what is told from then on
   * follows the position that its user has at that moment.
   */
  async attach(userId: string, outlet: Outlet): Promise<Session> {
    let user = this.#users.get(userId);
    if (user === undefined) {
      user = new LocalUser(userId);
      this.#users.set(userId, user);
      user.loaded = this.#load(user);
    }
    const { maxSendQueueBytes, nodeId } = this.#options;
    const session = new Session(
      `${nodeId}-${this.#nextSession++}`,
      user,
      outlet,
      maxSendQueueBytes,
      this.#flusher,
      this.horizon.xid,
      (reason) => this.endings[reason]++,
    );
    user.sessions.add(session);
    try {
      await user.loaded;
    } catch (error) {
      this.detach(session);
      throw error;
    }
    session.standAt(this.horizon.positionOf(user));
    return session;
  }

  detach(session: Session): void {
    session.gone();
    const { user } = session;
    if (!user.sessions.delete(session) || user.sessions.size > 0) return;
    this.#users.delete(user.id);
    this.#options.bus.unsubscribe(`user:${user.id}`);
    for (const channel of user.channels.values()) this.#leave(channel, user);
  }

  /** What was told here; 0 of a conversation whose clock is not known yet. */
  clocks(): { conversationId: number; clock: number }[] {
    return [...this.#channels.values()].map(({ id, clock }) => ({ conversationId: id, clock }));
  }

  userIds(): string[] {
    return [...this.#users.keys()];
  }

  /** The store is ahead of what was told: resolves when that is told too. */
  async catchUpTo({ conversationId, clock }: ClockAt): Promise<void> {
    await this.#channels.get(conversationId)?.catchUpTo(clock);
  }

  /** Catches up to it, and answers the last tick of it that the user was told here. */
  async toldTo(userId: string, ahead: ClockAt): Promise<number> {
    await this.catchUpTo(ahead);
    return this.clockFor(userId, ahead.conversationId) || ahead.clock;
  }

  /** The last tick of it that the user was told here; 0 of a conversation that the user is not in. */
  clockFor(userId: string, conversationId: number): number {
    return this.#users.get(userId)?.channels.get(conversationId)?.clock ?? 0;
  }

  /** Makes sure that somebody who was let in hears the conversation, from that tick on. */
  async join(userId: string, conversationId: number, joinedSeq: number): Promise<void> {
    const user = this.#users.get(userId);
    if (user === undefined) return;
    await user.loaded;
    const joining = user.joining?.get(conversationId);
    if (joining !== undefined) return joining;
    const channel = user.channels.get(conversationId);
    if (channel !== undefined) {
      channel.users.set(user, Math.max(joinedSeq, channel.users.get(user) ?? 0));
      return;
    }
    const joined = this.#join(user, conversationId, joinedSeq).finally(() => {
      user.joining?.delete(conversationId);
      if (user.joining?.size === 0) user.joining = null;
    });
    user.joining ??= new Map();
    user.joining.set(conversationId, joined);
    return joined;
  }

  /** Forgets what is known of somebody, and ends their connections where they may no longer have any. */
  userChanged(userId: string, deactivated: boolean): void {
    this.#options.watch?.userChanged(userId);
    if (!deactivated) return;
    for (const session of this.#users.get(userId)?.sessions ?? []) session.end("deactivated");
  }

  #hear(news: readonly News[]): void {
    for (const item of news) {
      if (item.kind === "events") this.#channels.get(item.conversationId)?.receive(item.events);
      else if (item.kind === "signal") {
        this.#channels.get(item.conversationId)?.signal(item.signal, item.except);
        if (item.signal.type === "typing") this.#options.watch?.typingHeard(item.signal);
      } else if (item.kind === "presence") {
        this.#tellPresence(item);
      } else if (item.kind === "personal") {
        this.#tellPersonally(item.userId, item.signal);
      } else if (item.kind === "user-changed") {
        this.answers.forgetAll();
        this.userChanged(item.userId, item.deactivated);
      } else if (item.kind === "conversation-changed") {
        this.#options.watch?.conversationChanged(item.conversationId);
      } else {
        this.join(item.userId, item.conversationId, item.seq).catch(() => {
          this.#options.log.warn({}, "a new membership waits for the sweep");
        });
      }
    }
  }

  /** To this node's sessions alone, but for the typist's. */
  tellTyping(signal: TypingSignal): void {
    this.#channels.get(signal.conversationId)?.signal(signal, signal.userId);
  }

  /** To each once who shares one of the conversations. */
  #tellPresence({ conversationIds, signal, except }: Extract<News, { readonly kind: "presence" }>): void {
    const audience = new Set<LocalUser>();
    for (const id of conversationIds) {
      for (const user of this.#channels.get(id)?.users.keys() ?? []) audience.add(user);
    }
    for (const userId of except) audience.delete(this.#users.get(userId) as LocalUser);
    const shared = new Map<Codec, Buffer | null>();
    for (const user of audience) for (const session of user.sessions) session.signal(signal, shared);
  }

  #tellPersonally(userId: string, signal: Signal): void {
    const user = this.#users.get(userId);
    const told = user === undefined || signal.type !== "entry" ? signal : this.#entryAsTold(user, signal);
    if (user === undefined || told === null) return;
    const shared = new Map<Codec, Buffer | null>();
    for (const session of user.sessions) session.signal(told, shared);
  }

  /** Never ahead of what was told: a client goes on from its clock. Null of a conversation the user is not in. */
  #entryAsTold(user: LocalUser, signal: EntrySignal): EntrySignal | null {
    const channel = user.channels.get(signal.conversationId);
    if (channel === undefined) return null;
    const { head } = signal.entry;
    const clock = Math.min(head.conversation.clock, channel.clock);
    const conversation = { ...head.conversation, clock };
    return { ...signal, entry: { ...signal.entry, head: { ...head, conversation } } };
  }

  /** Order: the user's topic, memberships, the conversations' topics, their clocks. */
  async #load(user: LocalUser): Promise<void> {
    await this.#options.bus.subscribe(`user:${user.id}`);
    // What was finished before this is in the look at the memberships.
    const horizon = this.horizon.xid;
    const memberships = await this.#memberships(user.id);
    if (memberships === undefined || memberships.size === 0) return;
    await Promise.all(
      [...memberships].map(async ([id, joinedSeq]) => {
        const channel = await this.#opened(user, id);
        if (channel !== null) this.#enter(user, channel, joinedSeq);
      }),
    );
    await this.#leaveWhatIsLeft(user, horizon);
  }

  /**
   * Who was let out between the look at the memberships and listening was told of it by nobody: looked at once more
   * after that, none is missed.
   */
  async #leaveWhatIsLeft(user: LocalUser, horizon: number): Promise<void> {
    for (const id of await this.#options.reader.leftSince(user.id, horizon)) {
      const channel = user.channels.get(id);
      if (channel !== undefined && !user.joining?.has(id)) this.#host.removed(channel, user);
    }
  }

  /** Resolves when its clock is known; to null where the user has gone meanwhile. */
  async #opened(user: LocalUser, conversationId: number): Promise<Channel | null> {
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
    return channel;
  }

  /** From here on the user hears it, and the user's position covers what it has told. */
  #enter(user: LocalUser, channel: Channel, joinedSeq: number): void {
    user.channels.set(channel.id, channel);
    channel.users.set(user, joinedSeq);
    if (channel.movedXid >= this.horizon.xid) user.touch(channel, channel.movedXid, channel.clock);
  }

  async #join(user: LocalUser, conversationId: number, joinedSeq: number): Promise<void> {
    const channel = await this.#opened(user, conversationId);
    if (channel === null) return;
    // In one go with holding: in between, its next tick would be told before those it missed, and a position would
    // cover what is not told yet.
    this.#enter(user, channel, joinedSeq);
    // Sessions that come later start behind this tick anyway; those that catch up see to it themselves.
    const since = joinedSeq - 1;
    const through = channel.clock;
    const held = [...user.sessions];
    for (const session of held) session.hold(this.horizon.xid);
    const sessions = held.filter((session) => session.lateJoins === null);
    for (const { lateJoins } of held) lateJoins?.push({ conversationId, since, through });
    try {
      const stillIn = (await this.#memberships(user.id))?.has(conversationId) ?? false;
      if (stillIn) await channel.tellNewcomers(sessions, since, through);
      else this.#host.removed(channel, user);
    } catch (error) {
      // They count as listening now, and would never be told what was not told here: they come back and resume.
      for (const session of sessions) session.end("restart");
      throw error;
    } finally {
      for (const session of held) session.release();
    }
  }

  /** Counts one more interested in it: pair with `#lose`. */
  #open(conversationId: number): Channel {
    let channel = this.#channels.get(conversationId);
    if (channel === undefined) {
      channel = new Channel(conversationId, this.#host);
      this.#channels.set(conversationId, channel);
      channel.ready = this.#start(channel);
    }
    channel.interest++;
    return channel;
  }

  async #start(channel: Channel): Promise<void> {
    await this.#options.bus.subscribe(`conversation:${channel.id}`);
    channel.start(await this.#clocks(channel.id));
  }

  #leave(channel: Channel, user: LocalUser): void {
    channel.users.delete(user);
    this.#lose(channel);
  }

  #lose(channel: Channel): void {
    channel.interest--;
    if (channel.interest > 0 || this.#channels.get(channel.id) !== channel) return;
    this.#channels.delete(channel.id);
    this.#options.bus.unsubscribe(`conversation:${channel.id}`);
  }
}

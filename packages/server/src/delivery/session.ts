import type { Event, Signal } from "@parlance/protocol/events.ts";
import type { LocalUser } from "./local-user.ts";
import type { Codec, EndReason, Outlet } from "./outlet.ts";
import { SendQueue } from "./send-queue.ts";
import { PIECE_EVENTS, type Piece } from "./shared-answers.ts";
import { SharedFrames } from "./shared-frames.ts";

/** A conversation its user was let into while the session caught up. */
export interface LateJoin {
  readonly conversationId: number;
  readonly since: number;
  readonly through: number;
}

/**
 * What a session may keep back while it catches up, before it is told to come back: bytes, roughly. More than the
 * send queue, for the events are mostly shared with other listeners and the connection may well be reading.
 */
const MAX_HELD_BYTES = 32 * 1024 * 1024;
/** What an event or signal costs beside its content. */
const HELD_BYTES = 400;

/** What was missed or kept back is told piece by piece, each when no more than this waits of those before. */
const FED_BYTES = 256 * 1024;

/**
 * One live connection as delivery sees it: a bounded send queue, and a backlog while it catches up.
 */
export class Session {
  readonly id: string;
  readonly userId: string;
  readonly outlet: Outlet;
  readonly user: LocalUser;
  readonly #queue: SendQueue;
  readonly #flusher: Flusher;
  readonly #onEnd: (reason: EndReason) => void;
  /** Live events kept back until what came before them is out. */
  #backlog: (readonly Event[] | Signal)[] = [];
  /** The hub's horizon when the first of them may have come: they are of this transaction or later ones. */
  #keptSince: number;
  /** How many have asked to keep them back: a new session starts with one. */
  #holds = 1;
  #heldBytes = 0;
  /** Ticks up to these were told by catch-up and must not be told again, by conversation. */
  #floors: Map<number, number> | null = null;
  #positionDue = false;
  /** After what was told so far; used where the codec stamps events. */
  #position = "";
  /** The position has moved while live events were kept back: it is told with them, for it counts them as told. */
  #positionOwed = false;
  #lettingGo = false;
  /** Those who wait until nothing is kept back. */
  #settling: (() => void)[] = [];
  #ended = false;
  /** Not null while it catches up: what it was let into meanwhile. */
  lateJoins: LateJoin[] | null = null;

  /**
   * @param horizon the hub's; it holds back live events from then on
   * @param onEnd called when the server ends it, not when the connection is gone
   */
  constructor(
    id: string,
    user: LocalUser,
    outlet: Outlet,
    maxQueueBytes: number,
    flusher: Flusher,
    horizon: number,
    onEnd: (reason: EndReason) => void,
  ) {
    this.id = id;
    this.user = user;
    this.userId = user.id;
    this.outlet = outlet;
    this.#queue = new SendQueue(outlet, maxQueueBytes);
    this.#keptSince = horizon;
    this.#flusher = flusher;
    this.#onEnd = onEnd;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Whether what is said in a conversation reaches this connection. */
  hears(conversationId: number): boolean {
    return this.outlet.interest?.hears(conversationId) ?? true;
  }

  /** Whether messages of it reach this connection. */
  receives(conversationId: number): boolean {
    return this.hears(conversationId) && (this.outlet.interest?.receives?.() ?? true);
  }

  /** Queues frames of this session's own: answers, catch-up. */
  push(frames: Buffer): void {
    if (this.#ended) return;
    if (this.#queue.isEmpty && !this.#positionDue) this.#flusher.due(this);
    if (!this.#queue.push(frames)) this.end("slow_consumer");
  }

  /**
   * Any number of events past its backlog, as fast as they are read: who reads slowly what was missed is no slow
   * consumer.
   */
  async feed(events: readonly Event[]): Promise<void> {
    for (let i = 0; i < events.length && !this.#ended; i += PIECE_EVENTS) {
      await this.feedPiece({ events: events.slice(i, i + PIECE_EVENTS) });
    }
  }

  /** The same of one piece. Stamped frames are each session's own, and not kept for others. */
  async feedPiece({ events, shared }: Piece): Promise<void> {
    this.tell(events, this.outlet.codec.stamp === undefined ? shared : undefined);
    await this.paced();
  }

  /** Resolves when more may be told: at once while little waits. */
  async paced(): Promise<void> {
    if (!this.#ended && this.#queue.waiting > FED_BYTES) await this.drained();
  }

  /** Live events of one conversation; `shared` holds what was encoded for the listeners before this one. */
  deliver(events: readonly Event[], shared: SharedFrames): void {
    if (this.#ended) return;
    if (this.isHolding) {
      this.#keepBack(events);
      return;
    }
    const own = shared.isOrigin(this.id);
    if (this.#floors === null && !own) this.tell(events, shared);
    else this.tell(this.#due(events));
    this.positionMoved();
  }

  signal(signal: Signal, shared: Map<Codec, Buffer | null>): void {
    if (this.#ended) return;
    if (this.isHolding) {
      this.#keepBack(signal);
      return;
    }
    if (!this.#hearsSignal(signal)) return;
    let frame = shared.get(this.outlet.codec);
    if (frame === undefined) {
      frame = this.outlet.codec.signal(signal);
      shared.set(this.outlet.codec, frame);
    }
    if (frame !== null) this.push(frame);
  }

  /** Events of one conversation past its backlog. `shared` where others are told the same. */
  tell(events: readonly Event[], shared?: SharedFrames): void {
    const [first] = events;
    if (first === undefined) return;
    const { codec, interest } = this.outlet;
    if (codec.stamp !== undefined) {
      const isHeard = interest === null || interest.hears(first.conversationId);
      this.#tellStamped(codec, codec.stamp, shared ?? new SharedFrames(events), isHeard);
      return;
    }
    if (interest === null || interest.hears(first.conversationId)) {
      const frames = shared === undefined ? codec.events(events) : shared.frames(codec);
      if (frames !== null) this.push(frames);
      return;
    }
    const wanted = events.filter((event) => interest.wants(event));
    const frames = wanted.length === 0 ? null : codec.events(wanted);
    if (frames !== null) this.push(frames);
  }

  /** What is not heard counts as told: a position is of all there is. */
  #tellStamped(
    codec: Codec,
    stamp: (position: string) => string,
    shared: SharedFrames,
    isHeard: boolean,
  ): void {
    const { frames, position } = shared.stamped(codec, stamp, this.#position);
    this.#position = position;
    if (frames !== null && isHeard) this.push(frames);
  }

  /**
   * From here on live events are kept back, until `release` was called as often.
   * @param horizon the hub's now
   */
  hold(horizon: number): void {
    if (!this.isHolding) this.#keptSince = horizon;
    this.#holds++;
  }

  /** What is kept back is of this transaction or later ones. */
  get keptSince(): number {
    return this.#keptSince;
  }

  /** Nothing of these conversations up to these ticks is told live: catch-up has told it. */
  raiseFloors(floors: ReadonlyMap<number, number>): void {
    this.#floors ??= new Map();
    for (const [conversationId, tick] of floors) {
      this.#floors.set(conversationId, Math.max(tick, this.#floors.get(conversationId) ?? 0));
    }
  }

  /** What was kept back so far is of the past: the client is told where it stands, and starts there or resumes. */
  startHere(position: string): void {
    this.#backlog = [];
    this.#heldBytes = 0;
    this.#position = position;
  }

  /** The client has been told up to there: what it is told now follows that. */
  standAt(position: string): void {
    this.#position = position;
  }

  release(): void {
    this.#holds--;
    if (this.#holds > 0 || this.#ended || this.#lettingGo) return;
    void this.#letGo();
  }

  /** Resolves when nothing is kept back any more, or it has ended. */
  async settled(): Promise<void> {
    if (this.isHolding && !this.#ended) await new Promise<void>((resolve) => this.#settling.push(resolve));
  }

  /** Whether something live is kept back. */
  get isHolding(): boolean {
    return this.#holds > 0 || this.#lettingGo;
  }

  #keepBack(held: readonly Event[] | Signal): void {
    this.#heldBytes += heldBytes(held);
    if (this.#heldBytes > MAX_HELD_BYTES) this.end("slow_consumer");
    else this.#backlog.push(held);
  }

  /** Tells what was kept back, in one go where it is little. Stops where it is to be kept back again. */
  async #letGo(): Promise<void> {
    this.#lettingGo = true;
    let told = 0;
    for (; told < this.#backlog.length && this.#holds === 0 && !this.#ended; told++) {
      const held = this.#backlog[told] as readonly Event[] | Signal;
      if ("type" in held) {
        const frame = this.#hearsSignal(held) ? this.outlet.codec.signal(held) : null;
        if (frame !== null) this.push(frame);
      } else {
        const due = this.#due(held);
        if (due.length <= PIECE_EVENTS) this.tell(due);
        else await this.feed(due);
      }
      if (this.#queue.waiting > FED_BYTES) await this.drained();
    }
    this.#lettingGo = false;
    this.#backlog.splice(0, told);
    this.#heldBytes = this.#backlog.reduce((sum, held) => sum + heldBytes(held), 0);
    if (told > 0) this.#positionOwed = true;
    if (this.#holds > 0 || this.#ended) return;
    this.#floors = null;
    if (this.#positionOwed) this.positionMoved();
    this.#settle();
  }

  #settle(): void {
    const settling = this.#settling;
    this.#settling = [];
    for (const resolve of settling) resolve();
  }

  /** Resolves when what was pushed has been taken, mostly: between the pages of a catch-up. */
  async drained(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (!this.#ended) await this.outlet.drained();
  }

  /** Writes what waits, its position last. Called by the flusher once per turn of the event loop. */
  flush(positions: Positions, join: (frames: Buffer, position: Buffer) => Buffer): void {
    if (this.#ended) return;
    const buffers = this.#queue.take();
    if (buffers === null) {
      this.end("slow_consumer");
      return;
    }
    if (this.#positionDue) {
      this.#positionDue = false;
      this.#positionOwed = this.isHolding;
      const { codec } = this.outlet;
      if (codec.stamp !== undefined && !this.#positionOwed)
        this.#position = positions.renewed(this.user, this.#position);
      const isTold = codec.stamp === undefined && !this.#positionOwed;
      const frame = isTold ? positions.frameOf(this.user, codec) : null;
      if (frame !== null) {
        if (buffers.length === 1) buffers[0] = join(buffers[0] as Buffer, frame);
        else buffers.push(frame);
      }
    }
    if (buffers.length > 0) this.outlet.write(buffers);
  }

  /** Writes what waits at once: the connection is about to be closed. */
  writeOut(): void {
    const buffers = this.#ended ? null : this.#queue.take();
    if (buffers !== null && buffers.length > 0) this.outlet.write(buffers);
  }

  end(reason: EndReason): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#queue.clear();
    this.#backlog = [];
    this.#settle();
    this.#onEnd(reason);
    this.outlet.end(reason);
  }

  /** The connection is gone. */
  gone(): void {
    this.#ended = true;
    this.#queue.clear();
    this.#backlog = [];
    this.#settle();
  }

  /** Of live events, those that catch-up has not told and that this session did not send. */
  #due(events: readonly Event[]): readonly Event[] {
    const floors = this.#floors;
    return events.filter(
      (event) => event.seq > (floors?.get(event.conversationId) ?? 0) && !isFrom(event, this.id),
    );
  }

  #hearsSignal(signal: Signal): boolean {
    return signal.type === "presence" || this.hears(signal.conversationId);
  }

  /** Its position goes out with the next write that holds nothing back. */
  positionMoved(): void {
    if (this.#positionDue || this.#ended) return;
    this.#positionDue = true;
    if (this.#queue.isEmpty) this.#flusher.due(this);
  }
}

function heldBytes(held: readonly Event[] | Signal): number {
  if ("type" in held) return HELD_BYTES;
  let bytes = 0;
  for (const event of held) bytes += HELD_BYTES + ("message" in event ? event.message.content.length : 0);
  return bytes;
}

function isFrom(event: Event, sessionId: string): boolean {
  return event.type === "message.stored" && event.origin === sessionId;
}

/** Where users stand. */
export interface Positions {
  /** As a frame; null in a dialect that has none. */
  frameOf(user: LocalUser, codec: Codec): Buffer | null;
  /** Of a session that was told all its user was: its own, or a newer and shorter one. */
  renewed(user: LocalUser, position: string): string;
}

/** Collects sessions with something to write and writes each once, at the end of the turn of the event loop. */
export interface Flusher {
  due(session: Session): void;
}

import type { Gap, Message, Timeline } from "./model.ts";

/**
 * A stretch of stored messages of one conversation or thread, by rising seq, each once. Bounded: what is furthest from
 * where it grows is let go.
 */
export class Stretch {
  readonly conversationId: string;
  /** Of a thread: the message it answers. */
  readonly rootId: string | null;
  readonly #limit: number;
  readonly #ids = new Map<string, number>();
  #stored: Message[] = [];
  /** A snapshot has the array: it is copied before it is changed. */
  #isShared = false;
  status: Timeline["status"] = "empty";
  error: Timeline["error"] = null;
  loading: Timeline["loading"] = null;
  hasOlder = false;
  hasNewer = false;
  gaps: readonly Gap[] = [];
  root: Message | null = null;
  /** A page that is on its way. */
  underWay: Promise<void> | null = null;
  /** Rises when it becomes another: what was asked for before is not put in. */
  turn = 0;
  /** What was told while a page was on its way, which may not have it. */
  #early: Message[] = [];

  constructor(conversationId: string, rootId: string | null, limit: number) {
    this.conversationId = conversationId;
    this.rootId = rootId;
    this.#limit = limit;
  }

  get first(): Message | undefined {
    return this.#stored[0];
  }

  get last(): Message | undefined {
    return this.#stored.at(-1);
  }

  get stored(): readonly Message[] {
    return this.#stored;
  }

  /** Whether a message belongs in here, if it falls into the stretch. */
  takes(message: Message): boolean {
    return this.rootId === null
      ? message.conversationId === this.conversationId
      : message.parentId === this.rootId;
  }

  get(id: string): Message | undefined {
    const seq = this.#ids.get(id);
    return seq === undefined ? undefined : this.#stored[this.#placeOf(seq)];
  }

  /** Another stretch altogether. */
  replace(
    messages: readonly Message[],
    more: { readonly hasOlder: boolean; readonly hasNewer: boolean },
  ): void {
    this.turn++;
    this.#own([]);
    this.#ids.clear();
    this.gaps = [];
    this.hasOlder = false;
    this.hasNewer = false;
    for (const message of messages) this.put(message);
    Object.assign(this, more, { status: "ready", error: null, loading: null });
    this.#takeEarly();
  }

  /** A page that ends where the stretch begins. */
  addOlder(messages: readonly Message[], hasOlder: boolean): void {
    this.hasOlder = false;
    this.#putAll(messages);
    this.hasOlder = hasOlder;
    const over = this.#stored.length - this.#limit;
    if (over <= 0) return;
    this.#forget(this.#writable().splice(-over));
    this.hasNewer = true;
  }

  /** A page that begins where the stretch ends. */
  addNewer(messages: readonly Message[], hasNewer: boolean): void {
    this.hasNewer = false;
    this.#putAll(messages);
    this.hasNewer = hasNewer;
    this.#dropOldest(this.#limit);
    this.#takeEarly();
  }

  /** A message that is told now. Whether anything has changed. */
  tell(message: Message): boolean {
    if (this.status === "loading" || this.loading === "newer") this.#early.push(message);
    return this.status === "ready" && this.put(message);
  }

  /** Whether anything has changed: nothing does where it is known, or not in the stretch. */
  put(message: Message): boolean {
    const place = this.#placeOf(message.seq);
    const known = this.#stored[place];
    if (known?.seq === message.seq) {
      if (known.rev >= message.rev) return false;
      this.#writable()[place] = { ...message, key: known.key };
      return true;
    }
    const isOutside =
      (place === this.#stored.length && this.hasNewer) ||
      (place === 0 && this.hasOlder && this.#stored.length > 0);
    if (isOutside) return false;
    this.#ids.set(message.id, message.seq);
    if (place < this.#stored.length) this.#writable().splice(place, 0, message);
    else if (this.#isShared) this.#own(this.#stored.concat(message));
    else this.#stored.push(message);
    // A fifth more before it is cut back, so that not every message costs a cut.
    if (!this.hasNewer && this.#stored.length > this.#limit * 1.2) this.#dropOldest(this.#limit);
    return true;
  }

  /** Changes what is known of one message; false where it is not in here. */
  patch(id: string, change: (message: Message) => Message): boolean {
    const known = this.get(id);
    if (known === undefined) return false;
    const changed = change(known);
    if (changed === known) return false;
    this.#writable()[this.#placeOf(known.seq)] = changed;
    return true;
  }

  /** @param pending those of one's own that are not stored yet */
  snapshot(pending: readonly Message[]): Timeline {
    const { conversationId, status, error, hasOlder, hasNewer, loading, gaps, root } = this;
    const isAlone = hasNewer || pending.length === 0;
    if (isAlone) this.#isShared = true;
    const messages = isAlone ? this.#stored : this.#stored.concat(pending);
    return { conversationId, status, error, messages, hasOlder, hasNewer, loading, gaps, root };
  }

  #own(messages: Message[]): void {
    this.#stored = messages;
    this.#isShared = false;
  }

  #writable(): Message[] {
    if (this.#isShared) this.#own(this.#stored.slice());
    return this.#stored;
  }

  #takeEarly(): void {
    const early = this.#early;
    this.#early = [];
    for (const message of early) this.put(message);
  }

  #putAll(messages: readonly Message[]): void {
    const added = messages.filter((message) => !this.#ids.has(message.id));
    const { first, last } = this;
    if (first === undefined || last === undefined || added.length < messages.length) {
      for (const message of messages) this.put(message);
      return;
    }
    for (const { id, seq } of added) this.#ids.set(id, seq);
    const isBefore = (added.at(-1)?.seq ?? 0) < first.seq;
    this.#own(isBefore ? added.concat(this.#stored) : this.#stored.concat(added));
  }

  #dropOldest(limit: number): void {
    const over = this.#stored.length - limit;
    if (over <= 0) return;
    this.#forget(this.#writable().splice(0, over));
    this.hasOlder = true;
  }

  #forget(messages: readonly Message[]): void {
    for (const { id } of messages) this.#ids.delete(id);
  }

  /** Where a seq stands, or would. */
  #placeOf(seq: number): number {
    const stored = this.#stored;
    let low = 0;
    let high = stored.length;
    // Nearly always it is behind the last.
    if (high > 0 && (stored[high - 1] as Message).seq < seq) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((stored[middle] as Message).seq < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

import { type ClientError, isPassing } from "./errors.ts";
import type { Message } from "./model.ts";
import type { Outbox } from "./outbox.ts";
import { type Rest, segment } from "./rest.ts";
import type { RestMessage, RestPage } from "./rest-shapes.ts";
import type { State } from "./state.ts";
import type { Stretch } from "./timeline.ts";
import { messageOfRest } from "./wire.ts";

const PAGE = 50;
const THREAD_PAGE = 200;

interface HistoryAnswer {
  readonly data: readonly RestMessage[];
  readonly hasOlder: boolean;
  readonly hasNewer: boolean;
}

export interface HistoryParts {
  readonly state: State;
  readonly rest: Rest;
  readonly outbox: Outbox;
}

/** Reading what was said: it shows up in `timeline:<id>` and `thread:<id>`. */
export class History {
  readonly #parts: HistoryParts;

  constructor(parts: HistoryParts) {
    this.#parts = parts;
  }

  /** Loads the newest page, unless the live end is there already; so it leads back from wherever a jump has led. */
  async open(conversationId: string): Promise<void> {
    const stretch = this.#parts.state.stretch(conversationId);
    if (stretch.status === "ready" && !stretch.hasNewer) return;
    await this.#replace(stretch, {});
  }

  /** Loads what was around a message, unless it is there. */
  async jump(conversationId: string, messageId: string): Promise<void> {
    const stretch = this.#parts.state.stretch(conversationId);
    await stretch.underWay?.catch(() => {});
    if (stretch.status === "ready" && stretch.get(messageId) !== undefined) return;
    await this.#replace(stretch, { around: messageId });
  }

  /** The page before what is there. */
  async loadOlder(conversationId: string): Promise<void> {
    const stretch = this.#parts.state.stretch(conversationId);
    const { first } = stretch;
    if (stretch.status !== "ready" || !stretch.hasOlder || first === undefined) return;
    await this.#extend(stretch, "older", async () => {
      const { messages, hasOlder } = await this.#read(conversationId, { before: first.id });
      stretch.addOlder(messages, hasOlder);
    });
  }

  /** After a jump: the page behind what is there. */
  async loadNewer(conversationId: string): Promise<void> {
    const stretch = this.#parts.state.stretch(conversationId);
    const { last } = stretch;
    if (stretch.status !== "ready" || !stretch.hasNewer || last === undefined) return;
    await this.#extend(stretch, "newer", async () => {
      const { messages, hasNewer } = await this.#read(conversationId, { after: last.id });
      stretch.addNewer(messages, hasNewer);
    });
  }

  /** Loads the replies to a message into `thread:<id>`. */
  async openThread(conversationId: string, rootId: string): Promise<void> {
    const { state, rest } = this.#parts;
    const stretch = state.stretch(conversationId, rootId);
    if (stretch.status === "ready") return;
    stretch.root ??= state.message(conversationId, rootId);
    await this.#load(stretch, async () => {
      const replies: Message[] = [];
      let cursor: string | null = null;
      do {
        const page: RestPage<RestMessage> = await rest.get(`/messages/${segment(rootId)}/thread`, {
          cursor,
          limit: THREAD_PAGE,
        });
        replies.push(...page.items.map((item) => messageOfRest(item, state.userId)));
        cursor = page.nextCursor;
      } while (cursor !== null);
      if (stretch.root === null) {
        const { messages } = await this.#read(conversationId, { around: rootId, limit: 1 });
        stretch.root = messages.find(({ id }) => id === rootId) ?? null;
      }
      stretch.replace(replies, { hasOlder: false, hasNewer: false });
    });
  }

  /** The messages in a hole, from the history. */
  async fill(conversationId: string, afterSeq: number, beforeSeq: number): Promise<void> {
    const { state } = this.#parts;
    const stretch = state.stretch(conversationId);
    const before = stretch.stored.findLast(({ seq }) => seq <= afterSeq);
    if (stretch.status !== "ready" || stretch.hasNewer || before === undefined) return;
    const gap = { afterSeq, beforeSeq };
    stretch.gaps = [...stretch.gaps, gap];
    state.touchStretch(stretch);
    try {
      for (let after: Message | undefined = before; after !== undefined && after.seq < beforeSeq; ) {
        const { messages, hasNewer } = await this.#read(conversationId, { after: after.id });
        for (const message of messages) state.putMessage(message);
        after = hasNewer ? messages.at(-1) : undefined;
      }
      stretch.gaps = stretch.gaps.filter((one) => one !== gap);
    } finally {
      state.touchStretch(stretch);
    }
  }

  /** Everything that is looked at is loaded anew; what is not is forgotten. */
  reload(): void {
    for (const stretch of [...this.#parts.state.stretches()]) this.#again(stretch);
  }

  /** What could not be loaded while there was no connection. */
  retryFailed(): void {
    for (const stretch of [...this.#parts.state.stretches()]) {
      if (stretch.status === "failed" && isPassing(stretch.error)) this.#again(stretch);
    }
  }

  #again(stretch: Stretch): void {
    const { store } = this.#parts.state;
    const { conversationId, rootId } = stretch;
    stretch.status = "empty";
    if (!store.isWatched(rootId === null ? `timeline:${conversationId}` : `thread:${rootId}`)) return;
    const loading = rootId === null ? this.#replace(stretch, {}) : this.openThread(conversationId, rootId);
    // The stretch says that it failed.
    loading.catch(() => {});
  }

  async #replace(stretch: Stretch, place: { readonly around?: string }): Promise<void> {
    await this.#load(stretch, async () => {
      const turn = ++stretch.turn;
      const { messages, ...more } = await this.#read(stretch.conversationId, place);
      if (stretch.turn === turn) stretch.replace(messages, more);
    });
  }

  #load(stretch: Stretch, load: () => Promise<void>): Promise<void> {
    if (stretch.status === "loading" && stretch.underWay !== null) return stretch.underWay;
    Object.assign(stretch, { status: "loading", error: null });
    return this.#work(stretch, load, ({ code, message }) => {
      Object.assign(stretch, { status: "failed", error: { code, message } });
    });
  }

  /** One page at a time: who asks meanwhile waits for the one that is on its way. */
  #extend(stretch: Stretch, direction: "older" | "newer", load: () => Promise<void>): Promise<void> {
    if (stretch.underWay !== null) return stretch.underWay;
    stretch.loading = direction;
    return this.#work(stretch, load, () => {});
  }

  #work(stretch: Stretch, load: () => Promise<void>, failed: (error: ClientError) => void): Promise<void> {
    const { state } = this.#parts;
    state.touchStretch(stretch);
    const work = load()
      .catch((error: ClientError) => {
        failed(error);
        throw error;
      })
      .finally(() => {
        stretch.loading = null;
        if (stretch.underWay === work) stretch.underWay = null;
        state.touchStretch(stretch);
      });
    stretch.underWay = work;
    return work;
  }

  async #read(
    conversationId: string,
    query: {
      readonly before?: string;
      readonly after?: string;
      readonly around?: string;
      readonly limit?: number;
    },
  ) {
    const { state, rest, outbox } = this.#parts;
    const path = `/conversations/${conversationId}/messages`;
    const answer = await rest.whole("GET", path, { query: { limit: PAGE, ...query } });
    const { data, hasOlder, hasNewer } = answer as HistoryAnswer;
    const messages = data.map((item) => messageOfRest(item, state.userId));
    for (const message of messages) outbox.seen(message);
    return { messages, hasOlder, hasNewer };
  }
}

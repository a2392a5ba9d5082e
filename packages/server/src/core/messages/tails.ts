import type { Message } from "@parlance/protocol/model.ts";
import type { Reader, Standing } from "../ports/reader.ts";
import { Recent } from "../recent.ts";
import { visibleFrom } from "./visible.ts";

/** A page of the usual fifty, and the one more that says whether there is another. */
const TAIL_MESSAGES = 51;
const MAX_TAILS = 2_000;
/** A tail that holds more text is not kept: all together they stay within some tens of megabytes. */
const MAX_TAIL_LENGTH = 32 * 1024;
/** People's names stand in messages and take no tick: another node's change of one may go unnoticed here so long. */
const MAX_AGE_MS = 60_000;

interface Tail {
  readonly epoch: string;
  readonly clock: number;
  /** Newest first. */
  readonly messages: readonly Message[];
}

/**
 * The newest messages of conversations that are read, as they were at a tick: most of what is ever read. A tail counts
 * only while the store's own clock, asked for with every read, is still that tick in the same life of the history; the
 * bus is never relied on.
 */
export interface Tails {
  /**
   * The newest messages that whoever stands so may see, newest first.
   * @param standing as the store has it now
   */
  newest(standing: Standing, limit: number): Promise<readonly Message[]>;
  /** Names have changed. */
  forgetAll(): void;
}

/** @param epochNow which life of the history the store was in when it last answered */
export function createTails(reader: Pick<Reader, "history">, epochNow: () => Promise<string>): Tails {
  const recent = new Recent<number, Tail>(MAX_TAILS, MAX_AGE_MS);
  let forgotten = 0;

  const tailOf = async ({ conversationId, clock }: Standing): Promise<Tail> => {
    const epoch = await epochNow();
    const known = recent.get(conversationId);
    if (known?.clock === clock && known.epoch === epoch) return known;
    const begun = forgotten;
    const wish = { conversationId, beforeSeq: null, fromSeq: 0, limit: TAIL_MESSAGES };
    // Read after the clock: what is newer in it has a later tick, and will be read again for that.
    const tail = { epoch, clock, messages: await reader.history(wish) };
    const length = tail.messages.reduce((sum, { content }) => sum + content.length, 0);
    if (length <= MAX_TAIL_LENGTH && begun === forgotten) recent.set(conversationId, tail);
    return tail;
  };

  return {
    async newest(standing, limit) {
      const fromSeq = visibleFrom(standing);
      if (limit <= TAIL_MESSAGES) {
        const { messages } = await tailOf(standing);
        const visible = fromSeq === 0 ? messages : messages.filter(({ seq }) => seq >= fromSeq);
        return visible.slice(0, limit);
      }
      return await reader.history({
        conversationId: standing.conversationId,
        beforeSeq: null,
        fromSeq,
        limit,
      });
    },
    forgetAll() {
      forgotten++;
      recent.clear();
    },
  };
}

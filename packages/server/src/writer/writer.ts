import type { Stored } from "@parlance/protocol/commands.ts";
import { Refusal } from "@parlance/protocol/errors.ts";
import type { Bus, News } from "../core/ports/bus.ts";
import type { Log } from "../core/ports/log.ts";
import type {
  Change,
  ChangeOutcome,
  Draft,
  MarkLog,
  MarkWish,
  MessageLog,
} from "../core/ports/message-log.ts";
import type { Writer } from "../core/ports/writer.ts";
import { createAnnounce } from "./announce.ts";
import type { DraftEntry, Entry, EntryBase } from "./entry.ts";
import { Lane } from "./lane.ts";
import { type MarkTold, MarkWriter } from "./marks.ts";
import { Shares } from "./shares.ts";

export interface WriterOptions {
  /** One for each lane: each is its own connection. */
  readonly logs: readonly MessageLog[];
  readonly marks: MarkLog;
  readonly bus: Bus;
  readonly log: Log;
  /** Called after each batch that ticked. */
  readonly onMoved?: () => void;
  readonly maxBatch: number;
  readonly maxBatchBytes: number;
  /** Drafts and changes held over all lanes before `overloaded` is answered. */
  readonly maxQueued: number;
  /** The same by what they hold, roughly. */
  readonly maxQueuedBytes: number;
  readonly patienceMs: number;
}

export interface DrainingWriter extends Writer {
  /** Drafts and changes that wait for a batch. */
  readonly waiting: () => number;
  /** Resolves when everything accepted is settled. */
  drain(): Promise<void>;
}

type Settle<Result> = Pick<EntryBase<Result>, "resolve" | "reject">;

/** What an entry costs beside its texts. */
const ENTRY_BYTES = 200;
/** At most, of a UTF-16 code unit in UTF-8. */
const UNIT_BYTES = 3;

export function createWriter(options: WriterOptions): DrainingWriter {
  const announce = createAnnounce(options.bus, options.onMoved ?? (() => {}));
  const limits = { entries: options.maxBatch, bytes: options.maxBatchBytes };
  const lanes = options.logs.map(
    (log) => new Lane({ log, announce, limits, patienceMs: options.patienceMs, report: options.log }),
  );
  const shares = new Shares(lanes, options.maxBatch);
  const marks = new MarkWriter(
    options.marks,
    (moved) => options.bus.publish(moved.map(receiptNews)),
    options.log,
  );
  const waiting = () => lanes.reduce((sum, lane) => sum + lane.waiting, 0);
  const isFull = () =>
    waiting() >= options.maxQueued ||
    lanes.reduce((sum, lane) => sum + lane.waitingBytes, 0) >= options.maxQueuedBytes;

  const push = <Result>(conversationId: number, make: (settle: Settle<Result>) => Entry): Promise<Result> =>
    new Promise((resolve, reject) => {
      if (isFull()) {
        reject(new Refusal("overloaded", "Too much is waiting to be written, try again", 1));
        return;
      }
      const settle: Settle<Result> = {
        resolve(result) {
          shares.settled(conversationId);
          resolve(result);
        },
        reject(error) {
          shares.settled(conversationId);
          reject(error);
        },
      };
      shares.laneFor(conversationId).push(make(settle));
    });

  const send = (
    draft: Draft,
    origin: string | undefined,
    over: Pick<DraftEntry, "unsure" | "keepsPlace">,
  ): Promise<Stored> =>
    push<Stored>(draft.conversationId, (settle) => ({
      kind: "draft",
      conversationId: draft.conversationId,
      draft,
      origin,
      bytes: ENTRY_BYTES + UNIT_BYTES * textOf(draft),
      since: performance.now(),
      skips: 0,
      ...over,
      ...settle,
    }));

  return {
    send: (draft, origin) => send(draft, origin, { unsure: false, keepsPlace: false }),
    storeAccepted: (drafts) =>
      Promise.all(
        // Given in one turn: once the lanes are full, they are for all that come behind.
        drafts.map((draft) =>
          send(draft, undefined, { unsure: true, keepsPlace: true }).catch((error: unknown) => {
            if (error instanceof Refusal) return error;
            throw error;
          }),
        ),
      ),
    change: (change: Change) =>
      push<ChangeOutcome>(change.conversationId, (settle) => ({
        kind: "change",
        conversationId: change.conversationId,
        change,
        bytes: ENTRY_BYTES + UNIT_BYTES * JSON.stringify(change).length,
        since: performance.now(),
        skips: 0,
        unsure: false,
        ...settle,
      })),
    mark: (wish: MarkWish) => marks.mark(wish),
    markMessage: (wish) => marks.markMessage(wish),
    markUnread: (conversationId, userId, fromSeq) => marks.markUnread(conversationId, userId, fromSeq),
    noteDelivered: (conversationId, userId, seq) => marks.noteDelivered(conversationId, userId, seq),
    waiting,
    async drain() {
      await Promise.all(lanes.map((lane) => lane.drained()));
      await marks.drained();
    },
  };
}

/** The code units of all texts that have no small bound. */
function textOf({ content, idempotencyKey, metadata }: Draft): number {
  const rest = metadata === null ? 0 : JSON.stringify(metadata).length;
  return content.length + (idempotencyKey?.length ?? 0) + rest;
}

function receiptNews({ conversationId, isBarred, read, ...marks }: MarkTold): News {
  const signal = { type: "receipt" as const, conversationId, marks, read };
  const { userId } = marks;
  return isBarred
    ? { topic: `user:${userId}`, kind: "personal", userId, signal }
    : { topic: `conversation:${conversationId}`, kind: "signal", conversationId, signal };
}

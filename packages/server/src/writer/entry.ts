import type { Stored } from "@parlance/protocol/commands.ts";
import type { Change, ChangeOutcome, Draft } from "../core/ports/message-log.ts";

export interface EntryBase<Result> {
  readonly conversationId: number;
  /** What it holds in memory, roughly: bounds a batch and the queues. */
  readonly bytes: number;
  /** When it was given to the writer, in milliseconds of `performance.now()`. */
  readonly since: number;
  /** How often another node held its conversation. */
  skips: number;
  /** A try had an unknown outcome: it may be stored already. */
  unsure: boolean;
  resolve(result: Result): void;
  reject(error: Error): void;
}

export interface DraftEntry extends EntryBase<Stored> {
  readonly kind: "draft";
  readonly draft: Draft;
  readonly origin: string | undefined;
  /** Is not to be stored where one before it in its conversation may yet be. */
  readonly keepsPlace: boolean;
}

export interface ChangeEntry extends EntryBase<ChangeOutcome> {
  readonly kind: "change";
  readonly change: Change;
}

/** Something that waits in a lane to be written. */
export type Entry = DraftEntry | ChangeEntry;

export interface BatchLimits {
  readonly entries: number;
  readonly bytes: number;
}

/** After so many skips a conversation that other nodes keep holding goes alone and waits for its turn. */
export const SKIPS_BEFORE_WAITING = 3;

/**
 * Takes the next batch out of a lane's queue: entries of one kind, from the front, at most `limits`, leaving
 * the order within each conversation as it is. An entry that cannot go along stays, and so does everything
 * of its conversation behind it. A key that already stands in the batch waits for the next one, where it
 * finds the first stored.
 */
export function takeBatch(queue: Entry[], limits: BatchLimits): Entry[] {
  const first = queue[0];
  if (first === undefined) return [];
  const alone = first.skips >= SKIPS_BEFORE_WAITING;
  const batch: Entry[] = [];
  const staying: Entry[] = [];
  const blocked = new Set<number>();
  const keys = new Set<string>();
  let bytes = 0;
  let full = false;
  let i = 0;
  for (; i < queue.length && !full; i++) {
    const entry = queue[i] as Entry;
    const key = keyOf(entry);
    if (
      entry.kind !== first.kind ||
      blocked.has(entry.conversationId) ||
      (alone && entry.conversationId !== first.conversationId) ||
      (key !== null && keys.has(key))
    ) {
      blocked.add(entry.conversationId);
      staying.push(entry);
      continue;
    }
    if (key !== null) keys.add(key);
    batch.push(entry);
    bytes += entry.bytes;
    full = batch.length >= limits.entries || bytes >= limits.bytes;
  }
  // Not as arguments of one splice(): there may be more of them than the stack can hold.
  i -= staying.length;
  for (const [j, entry] of staying.entries()) queue[i + j] = entry;
  queue.splice(0, i);
  return batch;
}

export function bytesOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, entry) => sum + entry.bytes, 0);
}

function keyOf(entry: Entry): string | null {
  if (entry.kind !== "draft" || entry.draft.idempotencyKey === null) return null;
  return `${entry.conversationId} ${entry.draft.senderId} ${entry.draft.idempotencyKey}`;
}

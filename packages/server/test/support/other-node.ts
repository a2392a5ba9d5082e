import { createInProcessBus } from "../../src/adapters/bus/in-process-bus.ts";
import { connectStore } from "../../src/adapters/store/postgres-store.ts";
import { silentLog } from "../../src/core/ports/log.ts";
import type { Change } from "../../src/core/ports/message-log.ts";
import type { PeopleStore } from "../../src/core/ports/people-store.ts";
import { createWriter } from "../../src/writer/writer.ts";
import type { TestDatabase } from "./postgres.ts";

/** What changes of a conversation are made of, less what only the door would know. */
export type Wish = Change extends infer C ? (C extends Change ? Omit<C, "by" | "asRole"> : never) : never;

/**
 * Another node that writes to the same database and tells nobody: a server hears of it by its sweep alone. For
 * changes that the websocket dialect has no words for: people let in and out, names, settings.
 */
export interface OtherNode extends AsyncDisposable {
  /** Resolves to the tick; throws where it changed nothing. */
  change(wish: Wish): Promise<number>;
  ensureUsers(ids: readonly string[]): Promise<void>;
  readonly people: PeopleStore;
  close(): Promise<void>;
}

export async function connectOtherNode({ connection }: Pick<TestDatabase, "connection">): Promise<OtherNode> {
  const store = await connectStore({
    connection,
    lanes: 1,
    readConnections: 1,
    patienceMs: 5_000,
    log: silentLog,
  });
  const writer = createWriter({
    logs: store.logs,
    marks: store.marks,
    bus: createInProcessBus(),
    log: silentLog,
    maxBatch: 512,
    maxBatchBytes: 1 << 20,
    maxQueued: 10_000,
    maxQueuedBytes: 64 << 20,
    patienceMs: 5_000,
  });
  const close = async (): Promise<void> => {
    await writer.drain();
    await store.close();
  };
  return {
    async change(wish) {
      const outcome = await writer.change({ by: null, asRole: null, ...wish } as Change);
      if (!("seq" in outcome) || !outcome.changed) throw new Error(`not changed: ${JSON.stringify(outcome)}`);
      return outcome.seq;
    },
    people: store.people,
    ensureUsers: (ids) => store.users.ensure(ids.map((id) => ({ id, name: null }))),
    close,
    [Symbol.asyncDispose]: close,
  };
}

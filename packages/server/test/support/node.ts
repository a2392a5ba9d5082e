import { createHash } from "node:crypto";
import type { Stored } from "@parlance/protocol/commands.ts";
import { DEFAULT_SETTINGS, type Message, type Role } from "@parlance/protocol/model.ts";
import { createInProcessBus } from "../../src/adapters/bus/in-process-bus.ts";
import { connectStore, type PostgresStore } from "../../src/adapters/store/postgres-store.ts";
import type { Bus } from "../../src/core/ports/bus.ts";
import { silentLog } from "../../src/core/ports/log.ts";
import type { Change, ChangeOutcome, Draft, MarkWish, MessageLog } from "../../src/core/ports/message-log.ts";
import { createWriter, type DrainingWriter, type WriterOptions } from "../../src/writer/writer.ts";
import type { TestDatabase } from "./postgres.ts";

/** As much of a server's node as writes: a store of its own connections, and a writer over it. */
export interface WritingNode extends AsyncDisposable {
  readonly store: PostgresStore;
  readonly writer: DrainingWriter;
  readonly bus: Bus;
  draft(over: Partial<Draft> & Pick<Draft, "conversationId" | "senderId">): Promise<Draft>;
  send(over: Partial<Draft> & Pick<Draft, "conversationId" | "senderId">): Promise<Stored>;
  /** A group whose first user is its owner. */
  open(users: readonly string[]): Promise<number>;
  /** Asks again, like the use cases, while the actor's standing changes meanwhile. */
  change(change: ChangeBy): Promise<Exclude<ChangeOutcome, { stale: true }>>;
  read(conversationId: number, userId: string, readSeq: number): Promise<unknown>;
  /** All of a conversation, oldest first. */
  history(conversationId: number): Promise<readonly Message[]>;
  close(): Promise<void>;
}

type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
/** A change whose `asRole` is looked up. */
export type ChangeBy = Without<Exclude<Change, { kind: "open" }>, "asRole" | "by"> & { readonly by: string };

export interface NodeOptions
  extends Partial<
    Pick<WriterOptions, "maxBatch" | "maxBatchBytes" | "maxQueued" | "maxQueuedBytes" | "patienceMs">
  > {
  readonly lanes?: number;
  readonly readConnections?: number;
  readonly bus?: Bus;
  /** Stands between the writer and its store: for breaking what goes over the wire in a way no wire can be made to. */
  readonly wrap?: (log: MessageLog) => MessageLog;
}

export async function startNode(
  connection: TestDatabase["connection"],
  options: NodeOptions = {},
): Promise<WritingNode> {
  const patienceMs = options.patienceMs ?? 10_000;
  const store = await connectStore({
    connection,
    lanes: options.lanes ?? 2,
    readConnections: options.readConnections ?? 2,
    patienceMs,
    log: silentLog,
  });
  const bus = options.bus ?? createInProcessBus();
  const wrap = options.wrap ?? ((log) => log);
  const writer = createWriter({
    logs: store.logs.map(wrap),
    marks: store.marks,
    bus,
    log: silentLog,
    maxBatch: options.maxBatch ?? 512,
    maxBatchBytes: options.maxBatchBytes ?? 4 * 1024 * 1024,
    maxQueued: options.maxQueued ?? 50_000,
    maxQueuedBytes: options.maxQueuedBytes ?? 64 * 1024 * 1024,
    patienceMs,
  });

  const draft: WritingNode["draft"] = async (over) => {
    const whole = { type: "text" as const, content: "", metadata: null, idempotencyKey: null, ...over };
    return {
      id: await store.ids.message(),
      senderName: null,
      contentHash: whole.idempotencyKey === null ? null : hashOf(whole.content),
      parentId: null,
      clientTime: null,
      ...whole,
    };
  };
  const close = async () => {
    await writer.drain();
    await store.close();
  };
  return {
    store,
    writer,
    bus,
    draft,
    send: async (over) => writer.send(await draft(over), undefined),
    async open(users) {
      const outcome = await writer.change({
        kind: "open",
        conversationId: await store.ids.conversation(),
        by: users[0] ?? null,
        asRole: null,
        conversationKind: "group",
        name: "group",
        people: users.map((userId, i) => ({ userId, role: (i === 0 ? "owner" : "member") as Role })),
        settings: DEFAULT_SETTINGS,
      });
      if (!("seq" in outcome)) throw new Error(`the conversation was not opened: ${JSON.stringify(outcome)}`);
      return outcome.conversationId as number;
    },
    async change(change) {
      for (;;) {
        const standing = await store.reader.standing(change.conversationId, change.by);
        if (standing?.role === null || standing === null) return { refused: "not_found" };
        const outcome = await writer.change({ ...change, asRole: standing.role } as Change);
        if (!("stale" in outcome)) return outcome;
      }
    },
    read: (conversationId, userId, readSeq) =>
      writer.mark({ conversationId, userId, deliveredSeq: 0, readSeq } satisfies MarkWish),
    async history(conversationId) {
      const messages = await store.reader.history({
        conversationId,
        beforeSeq: null,
        fromSeq: 0,
        limit: 1_000_000,
      });
      return messages.toReversed();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function hashOf(content: string): number {
  return createHash("sha256").update(content).digest().readUIntBE(0, 6);
}

/** The numbers `1..n`. */
export const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

/** Whole numbers below `n` that are the same again for the same seed (a linear congruential generator). */
export function seeded(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

import { DEFAULT_SETTINGS } from "@parlance/protocol/model.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import type {
  Change,
  ChangeOutcome,
  Draft,
  MarkLog,
  MessageLog,
} from "../../../src/core/ports/message-log.ts";
import type { PeopleStore } from "../../../src/core/ports/people-store.ts";
import type { Ids, Reader, UserStore } from "../../../src/core/ports/reader.ts";
import type { TickReader } from "../../../src/core/ports/tick-reader.ts";

/** A store behind the core's ports. */
export interface StoreScene {
  readonly logs: readonly MessageLog[];
  readonly marks: MarkLog;
  readonly reader: Reader;
  readonly ticks: TickReader;
  readonly users: UserStore;
  readonly people: PeopleStore;
  readonly ids: Ids;
  close(): Promise<void>;
}

/** Since, through and limit of everything that a conversation of a test can hold. */
export const ALL_TICKS = [0, Number.MAX_SAFE_INTEGER, 1_000] as const;

/** A test of the store that one contract run has open, with a group of ann (owner) and bob made for it. */
export type StoreTest = (what: string, body: (fixture: StoreFixture) => Promise<void>) => void;
type StoreFixture = Awaited<ReturnType<typeof prepare>>;

/** Opens the store before the tests of the `describe` it is called in, and closes it after them. */
export function storeTest(open: () => Promise<StoreScene>): StoreTest {
  let scene: StoreScene;
  let batch = 0;
  beforeAll(async () => {
    scene = await open();
    await scene.users.ensure([
      { id: "ann", name: "Ann" },
      { id: "bob", name: null },
    ]);
  });
  afterAll(() => scene.close());
  return (what, body) =>
    test(what, async () => {
      await body(await prepare(scene, () => ++batch));
    });
}

async function prepare(scene: StoreScene, nextBatch: () => number) {
  const log = scene.logs[0] as MessageLog;
  const change = async (...changes: Change[]): Promise<readonly ChangeOutcome[]> =>
    (await log.change(changes, { batch: nextBatch() })).outcomes;
  /** The first is its owner. */
  const openGroup = async (users: readonly string[]): Promise<number> => {
    const id = await scene.ids.conversation();
    await change({
      kind: "open",
      conversationId: id,
      by: null,
      asRole: null,
      conversationKind: "group",
      name: "group",
      people: users.map((userId, i) => ({ userId, role: i === 0 ? "owner" : "member" })),
      settings: DEFAULT_SETTINGS,
    });
    return id;
  };
  const conversationId = await openGroup(["ann", "bob"]);
  const draft = async (over: Partial<Draft> = {}): Promise<Draft> => ({
    id: await scene.ids.message(),
    conversationId,
    senderId: "ann",
    senderName: null,
    idempotencyKey: null,
    contentHash: null,
    type: "text",
    content: "hello",
    parentId: null,
    metadata: null,
    clientTime: null,
    ...over,
  });
  const append = async (...drafts: Draft[]) =>
    (await log.append(drafts, { wait: true, recheck: false })).outcomes;
  return {
    scene,
    log,
    nextBatch,
    conversationId,
    /** What is the same in all that ann changes. */
    ann: { conversationId, by: "ann", asRole: "owner" } as const,
    /** A name that no other test has. */
    named: (name: string): string => `${name}-${conversationId}`,
    openGroup,
    change,
    draft,
    append,
    send: async (over: Partial<Draft> = {}): Promise<Draft> => {
      const one = await draft(over);
      expect(await append(one)).toMatchObject([{ kind: "stored" }]);
      return one;
    },
  };
}

import { DEFAULT_SETTINGS } from "@parlance/protocol/model.ts";
import type { WebhookWish } from "@parlance/protocol/webhooks.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Change, MarkLog, MessageLog } from "../../src/core/ports/message-log.ts";
import type { Ids } from "../../src/core/ports/reader.ts";
import type {
  ClaimWish,
  DueDelivery,
  Settlement,
  WebhookOutbox,
  WebhookRegister,
} from "../../src/core/ports/webhook-store.ts";
import { upTo } from "../support/node.ts";

export interface WebhookStoreScene {
  readonly webhooks: WebhookRegister;
  readonly outbox: WebhookOutbox;
  readonly logs: readonly MessageLog[];
  readonly marks: MarkLog;
  readonly ids: Ids;
  close(): Promise<void>;
}

const SECRET = Buffer.alloc(24, 1);
const MINUTE = 60_000;
const CLAIM: ClaimWish = { limit: 100, busy: {}, each: 100, failing: true, leaseMs: MINUTE };
const DELIVERED: Settlement = {
  outcome: "delivered",
  delayMs: 0,
  status: 200,
  answer: "taken",
  disableAfterMs: 60 * MINUTE,
  more: false,
  leaseMs: MINUTE,
};
const SWEEP = { keepMs: 60 * MINUTE, maxBacklog: 1_000, limit: 1_000 };

/** What `core/ports` promises of endpoints and of what they are to be told, for every store there is. */
export function webhookStoreContract(name: string, open: () => Promise<WebhookStoreScene>): void {
  describe(name, () => {
    let scene: WebhookStoreScene;
    let hooks: WebhookRegister;
    let outbox: WebhookOutbox;
    let batch = 0;

    beforeAll(async () => {
      scene = await open();
      ({ webhooks: hooks, outbox } = scene);
    });
    afterAll(() => scene.close());
    // What a test leaves would be told to the endpoints of the next.
    beforeEach(async () => {
      for (const { id } of await hooks.list(null)) await hooks.remove(id);
      await outbox.spread(1_000);
    });

    const change = async (...changes: Change[]) =>
      (await (scene.logs[0] as MessageLog).change(changes, { batch: ++batch })).outcomes;
    const group = async (): Promise<number> => {
      const conversationId = await scene.ids.conversation();
      const people = ["ann", "bob"].map((userId) => ({ userId, role: "owner" }) as const);
      await change({
        kind: "open",
        conversationId,
        by: "ann",
        asRole: null,
        conversationKind: "group",
        name: "group",
        people,
        settings: DEFAULT_SETTINGS,
      });
      return conversationId;
    };
    const say = async (conversationId: number, content: string, key: string | null = null) => {
      const draft = {
        ...{ id: await scene.ids.message(), conversationId, senderId: "ann", senderName: null },
        ...{ idempotencyKey: key, contentHash: key === null ? null : 1, type: "text" as const, content },
        ...{ parentId: null, metadata: null, clientTime: null },
      };
      await (scene.logs[0] as MessageLog).append([draft], { wait: true, recheck: false });
      return draft.id;
    };
    const register = async (events: WebhookWish = ["chat_message.sent"]): Promise<number> =>
      (await hooks.create({ url: "https://example.org/", events, secret: SECRET }, 100))?.id as number;
    const claimed = async (over: Partial<ClaimWish> = {}): Promise<readonly DueDelivery[]> => {
      await outbox.spread(1_000);
      return await outbox.claim({ ...CLAIM, ...over });
    };
    const one = async (over: Partial<ClaimWish> = {}): Promise<DueDelivery> => {
      const due = await claimed(over);
      expect(due).toHaveLength(1);
      return due[0] as DueDelivery;
    };
    const textOf = (due: DueDelivery | null) =>
      due !== null && "message" in due.event ? due.event.message.content : null;
    const logOf = async (id: number) => (await hooks.deliveries(id, null, 100)).toReversed();

    test("endpoints: made up to a limit, looked at without their secrets, changed, removed", async () => {
      const made = await hooks.create({ url: "https://a.example/", events: ["*"], secret: SECRET }, 1);
      expect(made).toMatchObject({
        url: "https://a.example/",
        events: ["*"],
        disabledAt: null,
        failingSince: null,
      });
      expect(JSON.stringify(made)).not.toContain(SECRET.toString("base64"));
      expect(await hooks.create({ url: "https://b.example/", events: ["*"], secret: SECRET }, 1)).toBeNull();
      const id = made?.id as number;
      const changed = await hooks.update(id, { url: "https://c.example/", keepOldMs: 0 });
      expect(changed).toMatchObject({ id, url: "https://c.example/", events: ["*"] });
      expect(await hooks.update(id, { enabled: false, keepOldMs: 0 })).toMatchObject({
        disabledReason: "request",
      });
      expect(await hooks.update(id, { enabled: true, keepOldMs: 0 })).toMatchObject({ disabledReason: null });
      expect((await hooks.list(null)).map((hook) => hook.id)).toEqual([id]);
      expect(await hooks.list(id + 1)).toEqual([]);
      expect([await hooks.remove(id), await hooks.remove(id)]).toEqual([true, false]);
      expect(await hooks.update(id, { keepOldMs: 0 })).toBeNull();
    });

    test("an event for each that wants it, once; none while nobody does, nor for a repeat of a key", async () => {
      const conversationId = await group();
      await say(conversationId, "before");
      const [wants, all] = [await register(), await register(["*"])];
      await register(["chat_message.deleted"]);
      await say(conversationId, "one", "key");
      await say(conversationId, "one", "key");
      await scene.marks.mark([{ conversationId, userId: "bob", deliveredSeq: 3, readSeq: 3 }]);
      expect(await outbox.spread(1_000)).toBe(2);
      expect(await outbox.spread(1_000)).toBe(0);
      const due = await claimed();
      expect(due.map(({ webhookId, event }) => [webhookId, event.type]).toSorted()).toEqual([
        [wants, "chat_message.sent"],
        [all, "chat_message.sent"],
      ]);
      expect(due[0]).toMatchObject({ url: "https://example.org/", secrets: [SECRET], tries: 0 });
      const second = await outbox.settle(due.find(({ webhookId }) => webhookId === all) as DueDelivery, {
        ...DELIVERED,
        more: true,
      });
      expect(second?.event).toMatchObject({
        type: "chat_receipt.read",
        conversationId,
        seq: 3,
        userId: "bob",
      });
    });

    test("the oldest of a line first and one at a time; lines do not wait for one another", async () => {
      const [first, second] = [await group(), await group()];
      const id = await register();
      for (const text of ["a1", "a2", "a3"]) await say(first, text);
      await say(second, "b1");
      const due = await claimed();
      expect(due.map(textOf).toSorted()).toEqual(["a1", "b1"]);
      expect(await claimed()).toEqual([]);
      const line = due.find((item) => item.event.conversationId === first) as DueDelivery;
      const next = await outbox.settle(line, { ...DELIVERED, more: true });
      expect(textOf(next)).toBe("a2");
      expect(await outbox.settle(next as DueDelivery, DELIVERED)).toBeNull();
      expect(textOf(await one())).toBe("a3");
      expect(await logOf(id)).toMatchObject([
        { state: "delivered", attempts: 1, lastStatus: 200, lastAnswer: "taken" },
        { state: "delivered" },
        { state: "pending", attempts: 0 },
        { state: "pending" },
      ]);
    });

    test("a lease that has ended is another's, and whoever had it changes nothing", async () => {
      await register();
      await say(await group(), "one");
      const late = await one({ leaseMs: 0 });
      const taker = await one();
      expect(taker.event.id).toBe(late.event.id);
      expect(await outbox.settle(late, { ...DELIVERED, outcome: "failed" })).toBeNull();
      expect(await outbox.settle(taker, DELIVERED)).toBeNull();
      expect(await logOf(taker.webhookId)).toMatchObject([{ state: "delivered", attempts: 1 }]);
      expect(await claimed()).toEqual([]);
    });

    test("again after a while, or failed for good; a replay begins anew", async () => {
      const id = await register();
      const conversationId = await group();
      await say(conversationId, "one");
      const first = await one();
      await outbox.settle(first, { ...DELIVERED, outcome: "retry", delayMs: MINUTE, status: 500 });
      expect(await claimed()).toEqual([]);
      expect((await hooks.list(id))[0]?.failingSince).toEqual(expect.any(Number));
      await say(conversationId, "two");
      // The one behind it waits as well.
      expect(await claimed()).toEqual([]);

      await say(await group(), "elsewhere");
      const other = await one();
      await outbox.settle(other, { ...DELIVERED, outcome: "retry", delayMs: 0, status: null });
      const second = await one();
      expect(second).toMatchObject({ tries: 1, event: { id: other.event.id } });
      await outbox.settle(second, { ...DELIVERED, outcome: "failed" });
      expect(await claimed()).toEqual([]);
      const failed = (await logOf(id)).find(({ eventId }) => eventId === other.event.id);
      expect(failed).toMatchObject({ state: "failed", attempts: 2 });
      expect(await hooks.replay(id, failed?.id as number)).toBe(true);
      const replayed = await one();
      expect(replayed).toMatchObject({ tries: 0, event: { id: other.event.id } });
      await outbox.settle(replayed, DELIVERED);
      expect((await hooks.list(id))[0]?.failingSince).toBeNull();
      expect(await hooks.replay(id, 999_999_999)).toBeNull();
    });

    test("who fails has one at a time, and none where none is wanted; limits hold", async () => {
      const id = await register();
      for (const conversationId of [await group(), await group(), await group()])
        await say(conversationId, "x");
      expect(await claimed({ limit: 0 })).toEqual([]);
      expect(await claimed({ each: 2, busy: { [id]: 2 } })).toEqual([]);
      const first = await one({ each: 1 });
      await outbox.settle(first, { ...DELIVERED, outcome: "retry", delayMs: 0 });
      expect(await claimed({ failing: false })).toEqual([]);
      expect(await claimed()).toHaveLength(1);
    });

    test("gone, or failing for too long: disabled, and what waited has failed", async () => {
      const conversationId = await group();
      const gone = await register();
      await say(conversationId, "one");
      await say(conversationId, "two");
      await outbox.settle(await one(), { ...DELIVERED, outcome: "gone", status: 410 });
      expect((await hooks.list(gone))[0]).toMatchObject({ disabledReason: "gone" });
      expect((await logOf(gone)).map(({ state }) => state)).toEqual(["failed", "failed"]);
      expect(await hooks.replay(gone, (await logOf(gone))[0]?.id as number)).toBe(false);
      await say(conversationId, "three");
      expect(await claimed()).toEqual([]);

      const failing = await register();
      await say(conversationId, "four");
      const retry = { ...DELIVERED, outcome: "retry", delayMs: 0, disableAfterMs: -1 } as const;
      await outbox.settle(await one(), retry);
      expect((await hooks.list(failing))[0]).toMatchObject({ disabledReason: "failing" });
    });

    test("both secrets are given while the old one is kept", async () => {
      const id = await register();
      const secret = Buffer.alloc(24, 2);
      await hooks.update(id, { secret, keepOldMs: MINUTE });
      await say(await group(), "one");
      const due = await one();
      expect(due.secrets).toEqual([secret, SECRET]);
      await hooks.update(id, { secret: Buffer.alloc(24, 3), keepOldMs: 0 });
      await outbox.settle(due, { ...DELIVERED, outcome: "retry", delayMs: 0 });
      expect((await one()).secrets).toEqual([Buffer.alloc(24, 3)]);
    });

    test("what is done is forgotten after a while, and who has too much waiting is disabled", async () => {
      const id = await register();
      const conversationId = await group();
      for (const i of upTo(3)) await say(conversationId, `n${i}`);
      await outbox.settle(await one(), DELIVERED);
      expect(await outbox.sweep(SWEEP)).toBe(false);
      expect(await logOf(id)).toHaveLength(3);
      await outbox.sweep({ ...SWEEP, keepMs: -1 });
      expect((await logOf(id)).map(({ state }) => state)).toEqual(["pending", "pending"]);
      await outbox.sweep({ ...SWEEP, maxBacklog: 1 });
      expect((await hooks.list(id))[0]).toMatchObject({ disabledReason: "backlog" });
      expect((await logOf(id)).map(({ state }) => state)).toEqual(["failed", "failed"]);
    });
  });
}

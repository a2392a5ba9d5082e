import type { Message } from "@parlance/protocol/model.ts";
import type { SearchMessages } from "@parlance/protocol/queries.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Caller } from "../../src/core/caller.ts";
import type { Door } from "../../src/core/door.ts";
import { silentLog } from "../../src/core/ports/log.ts";
import { createMessageIndexer } from "../../src/core/search/index-messages.ts";
import { type Follower, startFollower } from "../../src/follower/follower.ts";
import { asUser, openDoor } from "../support/door.ts";
import { seeded, startNode, upTo, type WritingNode } from "../support/node.ts";
import { createMigratedDatabase, type TestDatabase, withClient } from "../support/postgres.ts";

let database: TestDatabase;
let node: WritingNode;
let door: Door;
let indexer: Follower;

beforeAll(async () => {
  database = await createMigratedDatabase("search");
  node = await startNode(database.connection);
  door = openDoor(node);
  indexer = startFollower({
    store: node.store.follow,
    consumer: createMessageIndexer(node.store.search),
    holder: "test",
    log: silentLog,
    isBusy: () => false,
    pollMs: 5,
    idleMs: 5,
  });
});
afterAll(async () => {
  await indexer.stop();
  await node.close();
  await database.drop();
});

/** Resolves when all that was stored before is in the index. */
const indexed = () =>
  expect
    .poll(
      () =>
        withClient(database.connection, async (client) => {
          const { rows } = await client.query(
            "select exists (select from moves) or exists (select from follower_ranges) as waits",
          );
          return rows[0].waits;
        }),
      { interval: 10, timeout: 10_000 },
    )
    .toBe(false);

const operator: Caller = { userId: null, name: null, rights: "operator", expiresAt: null };
const SEARCH = { type: "search-messages", conversationId: null, before: null, limit: 50 } as const;
const found = async (user: string | Caller, wish: Partial<SearchMessages> & { text: string }) =>
  (await door.answer(typeof user === "string" ? asUser(user) : user, { ...SEARCH, ...wish })).messages.map(
    (message: Message) => message.content,
  );
const say = async (conversationId: number, senderId: string, ...contents: string[]) => {
  const ids: number[] = [];
  for (const content of contents) ids.push((await node.send({ conversationId, senderId, content })).id);
  return ids;
};
/** Each test has people of its own. */
let scenes = 0;
const scene = async (...people: string[]) => {
  const users = people.map((name) => `${name}${++scenes}`);
  return { users, conversationId: await node.open(users) };
};

test("words in any order, a beginning at the end, phrases, without case and accents; the newest first", async () => {
  const { users, conversationId } = await scene("ann");
  const ann = users[0] as string;
  await say(
    conversationId,
    ann,
    "The Crème brûlée was good",
    "good night",
    "a good brulee recipe",
    "nothing",
  );
  await indexed();
  expect(await found(ann, { text: "good" })).toEqual([
    "a good brulee recipe",
    "good night",
    "The Crème brûlée was good",
  ]);
  expect(await found(ann, { text: "BRÛLÉE creme" })).toEqual(["The Crème brûlée was good"]);
  expect(await found(ann, { text: "good brul" })).toEqual([
    "a good brulee recipe",
    "The Crème brûlée was good",
  ]);
  expect(await found(ann, { text: '"good brulee"' })).toEqual(["a good brulee recipe"]);
  expect(await found(ann, { text: "brul good" })).toEqual([]);
  expect(await found(ann, { text: "absent" })).toEqual([]);
});

test.each([
  ["東京都に住んでいます", ["東京", "京都", "住んで", "都に住", "す"], ["京東", "大阪"]],
  ["สวัสดีครับทุกคน", ["ครับ", "สวัสดี", "ทุกคน"], ["ขอบคุณ"]],
  ["我喜欢喝茶，你呢？", ["喝茶", "喜欢", "茶", "我喜欢喝茶"], ["茶你", "咖啡"]],
  ["Привет, как дела? Ёж", ["привет", "еж", "дела"], ["пока"]],
  ["안녕하세요 세계", ["안녕", "세계"], ["하세요"]],
  ["مرحبا بالعالم", ["مرحبا"], ["وداعا"]],
  ["straße naïve 👍 done", ["naive", "👍", "👍 done"], ["👎"]],
])("%s", async (text, hits, misses) => {
  const { users, conversationId } = await scene("ann");
  await say(conversationId, users[0] as string, text);
  await indexed();
  for (const hit of hits) expect.soft(await found(users[0] as string, { text: hit }), hit).toEqual([text]);
  for (const miss of misses) expect.soft(await found(users[0] as string, { text: miss }), miss).toEqual([]);
});

test("an edit changes what a message is found by, a deletion ends it, other changes leave it", async () => {
  const { users, conversationId } = await scene("ann");
  const by = users[0] as string;
  const [first, second] = (await say(conversationId, by, "apple one", "apple two")) as [number, number];
  await indexed();
  await node.change({ kind: "edit", conversationId, by, messageId: first, content: "pear one" });
  await node.change({
    kind: "react",
    conversationId,
    by,
    messageId: second,
    emoji: "👍",
    add: true,
    maxEmoji: 20,
  });
  await indexed();
  expect(await found(by, { text: "apple" })).toEqual(["apple two"]);
  expect(await found(by, { text: "pear" })).toEqual(["pear one"]);
  await node.change({ kind: "delete", conversationId, by, messageId: second });
  // Not even before the index knows of it.
  expect(await found(by, { text: "apple" })).toEqual([]);
  await indexed();
  await withClient(database.connection, async (client) => {
    const { rows } = await client.query("select seq from message_words where conversation_id = $1", [
      conversationId,
    ]);
    expect(rows).toHaveLength(1);
  });
});

test("nobody finds what they may not see: others' conversations, left ones, hidden history", async () => {
  const { users, conversationId } = await scene("ann", "bob", "eve");
  const [ann, bob, eve] = users as [string, string, string];
  const other = await node.open([ann, bob]);
  await say(conversationId, ann, "canary early");
  await say(other, ann, "canary elsewhere");
  await indexed();
  expect(await found(eve, { text: "canary" })).toEqual(["canary early"]);
  await expect(found(eve, { text: "canary", conversationId: other })).rejects.toMatchObject({
    code: "not_participant",
  });
  await expect(found(operator, { text: "canary" })).rejects.toMatchObject({ code: "unauthenticated" });
  expect(await found(operator, { text: "canary", conversationId: other })).toEqual(["canary elsewhere"]);

  await door.execute(asUser(eve), { type: "remove-participant", conversationId, userId: eve });
  expect(await found(eve, { text: "canary" })).toEqual([]);

  await door.execute(asUser(ann), {
    type: "update-conversation",
    conversationId,
    settings: { historyVisible: false },
  });
  await door.execute(asUser(ann), { type: "add-participants", conversationId, userIds: [eve] });
  await say(conversationId, ann, "canary late");
  await indexed();
  expect(await found(eve, { text: "canary" })).toEqual(["canary late"]);
  expect(await found(eve, { text: "canary", conversationId })).toEqual(["canary late"]);
  expect(await found(ann, { text: "canary" })).toEqual(["canary late", "canary elsewhere", "canary early"]);

  await door.execute(asUser(ann), { type: "delete-conversation", conversationId });
  expect(await found(ann, { text: "canary" })).toEqual(["canary elsewhere"]);
  await expect(found(ann, { text: "canary", conversationId })).rejects.toMatchObject({
    code: "not_participant",
  });
});

test("pages over many conversations and stretches are the whole of it, in order, each once", async () => {
  const { users } = await scene("ann", "bob");
  const [ann] = users as [string];
  const random = seeded(5);
  const conversations = await Promise.all(upTo(7).map(() => node.open(users)));
  const expected: string[] = [];
  for (const round of upTo(12)) {
    await Promise.all(
      upTo(700).map(async (i) => {
        const conversationId = conversations[Math.min(random(12), 6)] as number;
        const content = i % 70 === 0 ? `needle ${round}-${i}` : `hay ${i}`;
        await node.send({ conversationId, senderId: ann, content });
        if (i % 70 === 0) expected.push(content);
      }),
    );
  }
  await indexed();
  const seen: Message[] = [];
  let before: SearchMessages["before"] = null;
  do {
    const page: { messages: readonly Message[]; next: SearchMessages["before"] } = await door.answer(
      asUser(ann),
      {
        ...SEARCH,
        text: "needle",
        before,
        limit: 7,
      },
    );
    expect(page.messages.length).toBeLessThanOrEqual(7);
    seen.push(...page.messages);
    before = page.next;
  } while (before !== null);
  expect(seen.map((message) => message.content).sort()).toEqual(expected.sort());
  expect(seen).toEqual(
    seen.toSorted(
      (a, b) => b.createdAt - a.createdAt || b.conversationId - a.conversationId || b.seq - a.seq,
    ),
  );
  const largest = conversations[6] as number;
  const { clock } = (await node.store.reader.standing(largest, ann)) ?? { clock: 0 };
  expect(clock).toBeGreaterThan(2_048);
  const inOne = seen.filter((message) => message.conversationId === largest);
  expect(await found(ann, { text: "needle", conversationId: largest, limit: 200 })).toEqual(
    inOne.map((message) => message.content),
  );
}, 60_000);

test.each([
  "' or 1=1 --",
  "%",
  "_",
  "(a+)+$",
  "& ! : *",
  "!!!",
  "\\",
  "'':*",
  "a:b <-> c | d",
  "~",
  "",
  " ",
  "\u{1F600}".repeat(50),
])("%j is but characters", async (text) => {
  const { users, conversationId } = await scene("ann");
  await say(conversationId, users[0] as string, "some text");
  await indexed();
  await expect(found(users[0] as string, { text })).resolves.toEqual([]);
});

test("what is too long or no text is refused", async () => {
  const ann = (await scene("ann")).users[0] as string;
  await expect(found(ann, { text: "x".repeat(10_240) })).rejects.toMatchObject({ code: "invalid" });
  await expect(found(ann, { text: "a\0b" })).rejects.toMatchObject({ code: "invalid" });
  await expect(found(ann, { text: "\ud800" })).rejects.toMatchObject({ code: "invalid" });
});

test("texts at the limits of what can be indexed are followed, and what comes after them", async () => {
  const { users, conversationId } = await scene("ann");
  const ann = users[0] as string;
  await say(conversationId, ann, "word ".repeat(2_000), upTo(2_000).join(" "), "𝔘".repeat(10_000), "after");
  await indexed();
  expect(await found(ann, { text: "after" })).toEqual(["after"]);
  expect(await found(ann, { text: "1999 2000" })).toHaveLength(1);
});

test("who asks for many searches at once waits for themselves, and for too many is refused; nobody else is", async () => {
  const conversationId = await node.open(["many", "other"]);
  await say(conversationId, "many", "needle");
  await indexed();
  const asked = await Promise.allSettled(upTo(30).map(() => found("many", { text: "needle" })));
  const answered = asked.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const refused = asked.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
  expect(answered).toEqual(answered.map(() => ["needle"]));
  expect(answered.length).toBeGreaterThanOrEqual(10);
  expect(refused.length).toBeGreaterThan(0);
  for (const reason of refused) expect(reason).toMatchObject({ code: "rate_limited", retryAfter: 1 });
  const together = await Promise.all([
    ...upTo(10).map(() => found("many", { text: "needle" })),
    found("other", { text: "needle" }),
  ]);
  expect(together).toEqual(together.map(() => ["needle"]));
});

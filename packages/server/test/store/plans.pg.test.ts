import { randomUUID } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Query } from "../../src/adapters/store/line.ts";
import { createAttachmentStore } from "../../src/adapters/store/postgres-attachments.ts";
import { createFollowStore } from "../../src/adapters/store/postgres-follow-store.ts";
import { createMessageLog } from "../../src/adapters/store/postgres-message-log.ts";
import { createPeopleStore } from "../../src/adapters/store/postgres-people-store.ts";
import { createReader, createUserStore } from "../../src/adapters/store/postgres-reader.ts";
import { createSearchStore } from "../../src/adapters/store/postgres-search-store.ts";
import { SESSION_SETUP } from "../../src/adapters/store/postgres-store.ts";
import { createTickReader } from "../../src/adapters/store/postgres-tick-reader.ts";
import { createMessageIndexer } from "../../src/core/search/index-messages.ts";
import { startNode, upTo } from "../support/node.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/postgres.ts";

/**
 * Plans are made once per connection and kept. Here all are made over empty tables, the worst time for it; then the
 * tables are filled and every hot statement is run again: it must touch what it needs and no more.
 */
const CONVERSATIONS = 100;
const PEOPLE = 8;
const USERS = 60;
const MESSAGES = 100;
/** Rows one statement may touch in one table: far below the 10,000 messages or the 800 participants there are. */
const FEW = 400;

let database: TestDatabase;
let client: pg.Client;
const query: Query = async (text, values) => {
  return (await client.query({ name: `s${statementNumber(text)}`, text, values: values as unknown[] })).rows;
};
const known: string[] = [];
function statementNumber(text: string): number {
  if (!known.includes(text)) known.push(text);
  return known.indexOf(text);
}
const log = createMessageLog(query);
const reader = createReader(query);
const people = createPeopleStore(query);
const users = createUserStore(query);
const files = createAttachmentStore(query);
const search = createSearchStore(query, query);
const ticks = createTickReader(query, async () => "");

/** Conversations with messages, of which the operations take theirs. */
let full: { conversationId: number; people: string[]; messageIds: number[] }[] = [];
let nextId = 1_000_000_000;
const place = (i: number) => full[i % Math.max(1, full.length)] ?? NOWHERE;
const NOWHERE = { conversationId: 1, people: ["user-1"], messageIds: [1] };
const draft = (i: number) => ({
  id: nextId++,
  conversationId: place(i).conversationId,
  senderId: place(i).people[0] as string,
  senderName: null,
  idempotencyKey: `plan ${nextId}`,
  contentHash: 1,
  type: "text" as const,
  content: "x",
  parentId: null,
  metadata: null,
  clientTime: null,
});
const by = (i: number) => ({
  conversationId: place(i).conversationId,
  by: place(i).people[0] as string,
  asRole: "owner" as const,
});
const someone = (i: number) => place(i).people[1] ?? "user-1";
const messageId = () => place(0).messageIds[0] as number;

/** A file that waits for a message. */
async function file(uploaderId: string): Promise<string> {
  const id = randomUUID();
  const shown = { fileName: "a.txt", contentType: "text/plain", size: 1, width: null, height: null };
  await files.add({ ...shown, id, uploaderId, thumbnailSize: null });
  await files.completed(id);
  return id;
}

const OPERATIONS: Record<string, () => Promise<unknown>> = {
  "append one": () => log.append([draft(0)], { wait: false, recheck: false }),
  "append 16 over 4 conversations": () =>
    log.append(
      upTo(16).map((i) => draft(i % 4)),
      { wait: false, recheck: false },
    ),
  "append 16 again, of unknown outcome": () =>
    log.append(
      upTo(16).map((i) => draft(i % 4)),
      { wait: true, recheck: true },
    ),
  "append 16, half of them replies that name somebody": () =>
    log.append(
      upTo(16).map((i) => ({
        ...draft(i % 4),
        ...(i % 2 === 0 && { parentId: place(i % 4).messageIds[0] as number, mentions: [someone(i)] }),
      })),
      { wait: false, recheck: false },
    ),
  "edit that names somebody": () =>
    log.change(
      [
        {
          ...by(0),
          kind: "edit",
          messageId: place(0).messageIds[1] as number,
          content: `${nextId++}`,
          mentions: [someone(0)],
        },
      ],
      { batch: nextId++ },
    ),
  pin: () =>
    log.change([{ ...by(0), kind: "pin", messageId: messageId(), pin: nextId++ % 2 === 0, maxPins: 100 }], {
      batch: nextId++,
    }),
  "mark unread": () => log.markUnread(place(2).conversationId, someone(2), 60),
  "page after": () =>
    reader.historyAfter({ conversationId: place(0).conversationId, afterSeq: 40, fromSeq: 0, limit: 50 }),
  replies: () =>
    reader.replies({
      conversationId: place(0).conversationId,
      parentId: messageId(),
      afterSeq: 0,
      fromSeq: 0,
      limit: 50,
    }),
  pins: () => reader.pins(place(0).conversationId, 0),
  receipts: () =>
    reader.receipts({
      conversationId: place(0).conversationId,
      seq: 10,
      senderId: "user-1",
      after: null,
      limit: 50,
    }),
  "called by id or name": () =>
    reader.called(place(0).conversationId, { ids: [someone(0)], names: ["somebody", someone(0), "x y"] }),
  edit: () =>
    log.change([{ ...by(0), kind: "edit", messageId: messageId(), content: `${nextId++}` }], {
      batch: nextId++,
    }),
  react: () =>
    log.change([{ ...by(0), kind: "react", messageId: messageId(), emoji: "👍", add: true, maxEmoji: 50 }], {
      batch: nextId++,
    }),
  edits: () =>
    reader.edits({ conversationId: place(0).conversationId, messageId: messageId(), after: null, limit: 50 }),
  reactions: () =>
    reader.reactions({
      conversationId: place(0).conversationId,
      messageId: messageId(),
      after: null,
      limit: 50,
    }),
  "own reactions": () =>
    reader.ownReactions(
      by(0).by,
      place(0)
        .messageIds.slice(0, 20)
        .map((id) => ({ conversationId: place(0).conversationId, messageId: id })),
    ),
  "add and remove": () =>
    log.change(
      [
        { ...by(1), kind: "add", userIds: ["somebody"], maxParticipants: 1_000 },
        { ...by(1), kind: "remove", userId: "somebody" },
      ],
      { batch: nextId++ },
    ),
  "mark 4": () =>
    log.mark(
      upTo(4).map((i) => ({
        conversationId: place(i).conversationId,
        userId: place(i).people[1] ?? "user-1",
        deliveredSeq: 90,
        readSeq: 90,
      })),
    ),
  "mark 4 single messages": () =>
    log.markMessages(
      upTo(4).map((i) => ({
        conversationId: place(i).conversationId,
        userId: place(i).people[1] ?? "user-1",
        seq: 40 + i,
      })),
    ),
  "send and delete with a file": async () => {
    const { id, ...rest } = draft(0);
    const attachmentIds = [await file(rest.senderId)];
    await log.change(
      [
        { ...by(0), kind: "send", draft: { id, ...rest }, attachmentIds },
        { ...by(0), kind: "delete", messageId: id },
      ],
      { batch: nextId++ },
    );
  },
  "find files": async () => files.find([await file("user-1")]),
  "count unused files": () => files.countUnused("user-1", 200),
  "messages with files": () =>
    files.messages({ conversationId: place(0).conversationId, beforeSeq: 60, fromSeq: 0, limit: 20 }),
  "doomed files": async () => files.forget(await files.takeDoomed(Date.now() - 86_400_000, 50)),
  standing: () => reader.standing(place(0).conversationId, place(0).people[0] as string),
  "one message": () => reader.message(place(0).conversationId, messageId()),
  "a message by its id alone": () => reader.messageById(messageId()),
  "what was sent under keys": () =>
    reader.sentUnder(
      upTo(20).map((i) => ({
        conversationId: place(i).conversationId,
        senderId: place(i).people[0] as string,
        key: `key ${i}`,
      })),
    ),
  "a message by key": () => reader.messagesByKey(place(0).conversationId, "key 1"),
  "newest page": () =>
    reader.history({ conversationId: place(0).conversationId, beforeSeq: null, fromSeq: 0, limit: 50 }),
  "older page": () =>
    reader.history({ conversationId: place(0).conversationId, beforeSeq: 60, fromSeq: 0, limit: 50 }),
  "counted page": () =>
    reader.page({ conversationId: place(0).conversationId, fromSeq: 0, offset: 40, limit: 20 }),
  inbox: () => reader.inbox({ userId: "user-1", limit: 20, after: null }),
  entries: () => reader.entries(place(0).people[0] as string, [place(0).conversationId]),
  "archived and named": () =>
    reader.inbox({ userId: "user-1", limit: 20, after: null, list: "archived", named: "x" }),
  "unread everywhere": () => reader.unread("user-1"),
  "a page of people": () =>
    reader.participants({ conversationId: place(0).conversationId, after: null, limit: 5 }),
  "people of 3 conversations": () =>
    reader.people(
      place(1).people[0] as string,
      [1, 2, 3].map((i) => place(i).conversationId),
    ),
  preferences: () =>
    people.setPreferences(place(0).conversationId, place(0).people[0] as string, { muted: true }),
  hide: () => people.hide(place(0).conversationId, place(0).people[0] as string),
  "block and unblock": async () => {
    await people.setBlock("user-1", "user-2", "a pair", true);
    await people.barredFrom(["user-1", "user-3"]);
    await people.setBlock("user-1", "user-2", "a pair", false);
  },
  acquainted: () => people.acquainted("user-1", ["user-2", "user-3", "nobody"], 100),
  "small conversations of users": () =>
    people.smallConversations(["user-1", "user-2", "nobody"], { maxParticipants: 100, limit: 2_000 }),
  contacts: () => people.contacts("user-1", { maxParticipants: 100, after: "user-2", limit: 1_000 }),
  "last seen": () => users.setLastSeen(["user-1", "user-2"].map((id) => ({ id, at: 1 }))),
  memberships: () => ticks.memberships(["user-1", "user-2"]),
  "left since": () => ticks.leftSince("user-1", 1),
  clocks: () => ticks.clocks([1, 2, 3].map((i) => place(i).conversationId)),
  "new messages": () => ticks.newMessages(place(0).conversationId, 50, 90, 500),
  "changed messages": () => ticks.changedMessages(place(0).conversationId, 50, 50, 1_000, 500),
  "conversation ticks": () => ticks.conversationTicks(place(0).conversationId, 50, 90),
  "moved since": () => ticks.moved("user-1", 1),
  standings: () => ticks.standings("user-1", [place(0).conversationId]),
  "tick before": () => ticks.tickBefore(place(0).conversationId, 2 ** 40),
  sweep: () =>
    ticks.sweep({
      clocks: [{ conversationId: place(0).conversationId, clock: 3 }],
      userIds: ["user-1"],
      since: 2 ** 40,
      lookBackMs: 60_000,
    }),
  "sweep of people who all came lately": () =>
    ticks.sweep({ clocks: [], userIds: upTo(10).map((i) => `user-${i + 1}`), since: 0, lookBackMs: 60_000 }),
  "settle among many ranges": () =>
    createFollowStore(query).settle({
      consumer: "crowded",
      holder: "test",
      ranges: upTo(10).map((i) => ({ conversationId: i, since: 0, through: i % 2 === 0 ? 1 : 2 })),
    }),
  "what is to be indexed": () =>
    search.said({
      consumer: "search",
      holder: "",
      ranges: [1, 2].map((i) => ({ conversationId: place(i).conversationId, since: 90, through: 95 })),
    }),
  "search in one conversation": () =>
    search.search({
      userId: place(0).people[0] as string,
      conversationId: place(0).conversationId,
      phrases: [[{ text: "word", begins: false }], [{ text: "42", begins: true }]],
      before: null,
      limit: 20,
    }),
  "search everywhere": () =>
    search.search({
      userId: "user-1",
      conversationId: null,
      phrases: [[{ text: "word", begins: false }], [{ text: "42", begins: true }]],
      before: { at: Date.now() + 60_000, conversationId: 1, seq: 1 },
      limit: 20,
    }),
  "marks since": () => ticks.marksSince(place(0).people[0] as string, Date.now() - 1_000, 100),
};

beforeAll(async () => {
  database = await createMigratedDatabase("plans");
  client = new pg.Client({ ...database.connection, types: NUMBERS });
  await client.connect();
  for (const statement of SESSION_SETUP) await client.query(statement);
  await client.query("insert into followers (consumer, holder) values ('crowded', 'test')");
  for (const operation of Object.values(OPERATIONS)) await operation();

  const node = await startNode(database.connection);
  full = await Promise.all(
    upTo(CONVERSATIONS).map(async (c) => {
      const people = upTo(PEOPLE).map((p) => `user-${((c * 7 + p * 5) % USERS) + 1}`);
      return { conversationId: await node.open(people), people, messageIds: [] };
    }),
  );
  for (const { conversationId, people, messageIds } of full) {
    const acks = await Promise.all(
      upTo(MESSAGES).map((i) =>
        node.send({
          conversationId,
          senderId: people[i % PEOPLE] as string,
          idempotencyKey: `key ${i}`,
          content: `word ${i}`,
        }),
      ),
    );
    messageIds.push(...acks.map((ack) => ack.id));
  }
  const { follow } = node.store;
  const indexer = createMessageIndexer(node.store.search);
  await follow.follow(indexer);
  for (let more = true; more; ) {
    const work = await follow.next(indexer.name, "test", { leaseMs: 60_000, ticks: 1_000 });
    more = work !== null && work.batch.ranges.length > 0;
    if (work !== null && more) await indexer.consume(work.batch);
  }
  await node.close();
  await client.query(
    `insert into follower_ranges select 'crowded', i, 0, 2, now() from generate_series(1, 10000) i
     on conflict (consumer, conversation_id) do update set since = 0, through = 2`,
  );
  await client.query(
    "insert into users (id, name) select 'user-' || i, 'User ' || i from generate_series(1, 10000) i",
  );
  await client.query(
    `insert into attachments (id, uploader_id, file_name, content_type, size, created_at, stored_at, conversation_id,
                              message_id, message_seq, removed_at)
     select gen_random_uuid(), 'user-' || i % 60, 'a', 'b', 1, now() - i * interval '1 minute', now(),
            case when i % 2 = 0 then $1::bigint + i % 100 end, case when i % 2 = 0 then i end,
            case when i % 2 = 0 then 2 + i / 100 % 100 end, case when i % 5 = 0 then now() end
     from generate_series(1, 10000) i`,
    [place(0).conversationId],
  );
  // A session's counts stay its own until its transaction ends.
  await client.query("begin");
});

afterAll(async () => {
  await client.end();
  await database.drop();
});

describe("with plans from empty tables, over full ones", () => {
  test.each(Object.keys(OPERATIONS))("%s reads no table through and touches few rows", async (name) => {
    const before = await touched();
    await (OPERATIONS[name] as () => Promise<unknown>)();
    const after = await touched();
    let rows = 0;
    for (const [table, { scans, fetched }] of after) {
      const start = before.get(table) ?? { scans: 0, fetched: 0 };
      expect(scans - start.scans, `scans of ${table}`).toBe(0);
      expect(fetched - start.fetched, `rows of ${table}`).toBeLessThan(FEW);
      rows += fetched - start.fetched;
    }
    expect(rows).toBeGreaterThan(0);
  });
});

test("a mark that moves a little reads little, however much is unread above it", async () => {
  const { conversationId, people } = full[1] as (typeof full)[number];
  const [reader, writer] = people as [string, string];
  const many = upTo(1_000).map((i) => ({ ...draft(1), senderId: i % 2 === 0 ? reader : writer }));
  await log.append(many, { wait: true, recheck: false });
  const step = (readSeq: number) =>
    log.mark([{ conversationId, userId: reader, deliveredSeq: readSeq, readSeq }]);
  for (const readSeq of [3, 4, 1_099]) {
    const before = (await touched()).get("messages");
    expect(await step(readSeq)).toMatchObject([{ readSeq }]);
    const after = (await touched()).get("messages");
    expect((after?.fetched ?? 0) - (before?.fetched ?? 0)).toBeLessThan(20);
  }
});

test("who is named is looked up by name, however many take part and however many have no name", async () => {
  const crowd = upTo(1_000).map((i) => `crowd-${i}`);
  await client.query(
    "insert into users (id, name) select id, case when right(id, 1) <> '5' then 'Name ' || id end from unnest($1::text[]) id",
    [crowd],
  );
  const outcomes = await log.change(
    [
      {
        kind: "open",
        conversationId: 2 ** 40,
        by: null,
        asRole: null,
        conversationKind: "group",
        name: "crowd",
        people: crowd.map((userId) => ({ userId, role: "member" as const })),
        settings: {},
      },
    ],
    { batch: nextId++ },
  );
  expect(outcomes.outcomes).toMatchObject([{ changed: true }]);
  const before = await touched();
  const names = ["name CROWD-7", "Name crowd-7 and", "Name", "crowd-25", "crowd-26"];
  const called = await reader.called(2 ** 40, { ids: ["crowd-9", "user-1"], names });
  expect(called.map(({ userId }) => userId)).toEqual(["crowd-9", "crowd-7", "crowd-25"]);
  for (const [table, { fetched }] of await touched()) {
    expect(fetched - (before.get(table)?.fetched ?? 0), `rows of ${table}`).toBeLessThan(20);
  }
});

/** What this session has read so far and not yet handed to the server's own statistics. */
async function touched(): Promise<Map<string, { scans: number; fetched: number }>> {
  const { rows } = await client.query(
    "select relname, seq_scan as scans, coalesce(idx_tup_fetch, 0) as fetched from pg_stat_xact_user_tables",
  );
  return new Map(rows.map(({ relname, scans, fetched }) => [relname, { scans, fetched }]));
}

test("every statement names what tables are distributed by", () => {
  const texts = known.filter(
    (text) =>
      // A file is known by its id alone before it has a conversation.
      !/(into|from|update) attachments\b/.test(text) &&
      !/(from|select) (append_messages?|append_with_more|mark_unread|apply_changes|mark|mark_messages|message_page|set_preferences|set_block|settle_ranges)\(/.test(
        text,
      ),
  );
  expect(texts.length).toBeGreaterThan(12);
  for (const text of texts)
    expect(text).toMatch(/conversation_id|\bc?\.?id = (any|\$|known)|user_id|\bblocke[dr]_id/);
});

test("every look-up in the functions of the lanes names its conversation", async () => {
  const { rows } = await client.query<{ name: string; body: string }>(
    `select proname as name, prosrc as body from pg_proc
     where pronamespace = 'public'::regnamespace and prosrc like '%messages%'`,
  );
  expect(rows.length).toBeGreaterThan(2);
  for (const { body } of rows) {
    const lookUps = body.split(";").filter((statement) => /\b(from|join|update) messages\b/.test(statement));
    for (const statement of lookUps) expect(statement).toMatch(/\bconversation_id\b/);
  }
});

/** int8 and xid8 as numbers. */
const NUMBERS: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format: "text" | "binary") => {
    if (oid === 20 || oid === 5069) return Number;
    if (oid === 1016) return (text: string) => text.slice(1, -1).split(",").map(Number);
    return pg.types.getTypeParser(oid, format);
  }) as pg.CustomTypesConfig["getTypeParser"],
};

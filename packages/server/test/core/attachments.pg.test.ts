import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SendMessage } from "@parlance/protocol/commands.ts";
import type { Attachment } from "@parlance/protocol/model.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDirectoryBlobs } from "../../src/adapters/blobs/directory-blobs.ts";
import { createInProcessBuckets } from "../../src/adapters/limits/in-process-buckets.ts";
import { startAttachmentSweep } from "../../src/core/attachments/sweep-attachments.ts";
import type { Door } from "../../src/core/door.ts";
import { BlobError, type Blobs } from "../../src/core/ports/blobs.ts";
import { silentLog } from "../../src/core/ports/log.ts";
import { createRateLimit } from "../../src/core/rate-limits.ts";
import { asUser, openDoor } from "../support/door.ts";
import { startNode, upTo, type WritingNode } from "../support/node.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/postgres.ts";

let database: TestDatabase;
let node: WritingNode;
let door: Door;
let blobs: Blobs;
const directory = mkdtempSync(join(tmpdir(), "pl-"));
const HOUR_MS = 3_600_000;

beforeAll(async () => {
  database = await createMigratedDatabase("attachments");
  node = await startNode(database.connection);
  blobs = createDirectoryBlobs(directory);
  door = openDoor(node, { blobs });
});
afterAll(async () => {
  await node.close();
  await database.drop();
  rmSync(directory, { recursive: true });
});

const stored = (): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .toSorted();
const upload = (by: string, text = "content", through = door): Promise<Attachment> =>
  through.execute(asUser(by), {
    type: "upload-attachment",
    fileName: "a.txt",
    contentType: null,
    content: (async function* () {
      yield Buffer.from(text);
    })(),
  });
const sending = (
  conversationId: number,
  attachmentIds: readonly string[],
  over: Partial<SendMessage> = {},
) => ({
  type: "send-message" as const,
  conversationId,
  senderId: "ann",
  idempotencyKey: null,
  messageType: null,
  content: "",
  parentId: null,
  metadata: null,
  clientTime: null,
  attachmentIds,
  ...over,
});
const share = async (conversationId: number) => {
  const { id } = await upload("ann");
  const { id: messageId } = await door.execute(asUser("ann"), sending(conversationId, [id]));
  return { attachmentId: id, messageId };
};
const read = (as: string, attachmentId: string) =>
  door
    .answer(asUser(as), { type: "open-attachment", attachmentId, variant: "file" })
    .then(({ attachment }) => attachment.id);
const sweepAt = async (ms: number, over: Partial<Blobs> = {}): Promise<number> => {
  const sweep = startAttachmentSweep({
    attachments: node.store.attachments,
    blobs: { ...blobs, ...over },
    orphanMs: 24 * HOUR_MS,
    intervalMs: 1e9,
    now: () => Date.now() + ms,
    log: silentLog,
  });
  try {
    return await sweep.run();
  } finally {
    await sweep.stop();
  }
};

test("who is let out gets no file any more, who comes in gets what they may see (G11, UP8)", async () => {
  const conversationId = await node.open(["ann", "bob"]);
  const { attachmentId } = await share(conversationId);
  expect(await read("bob", attachmentId)).toBe(attachmentId);
  await node.change({ kind: "remove", conversationId, by: "ann", userId: "bob" });
  await expect(read("bob", attachmentId)).rejects.toMatchObject({ code: "not_found" });
  await node.change({ kind: "add", conversationId, by: "ann", userIds: ["bob"], maxParticipants: 10 });
  expect(await read("bob", attachmentId)).toBe(attachmentId);
  await node.change({ kind: "settings", conversationId, by: "ann", settings: { historyVisible: false } });
  await expect(read("bob", attachmentId)).rejects.toMatchObject({ code: "not_found" });
  expect(await read("ann", attachmentId)).toBe(attachmentId);
});

test("a repeat gets the first result, also when its files are gone with the message", async () => {
  const conversationId = await node.open(["ann", "bob"]);
  const { id } = await upload("ann");
  const command = sending(conversationId, [id], { idempotencyKey: "k" });
  const first = await door.execute(asUser("ann"), command);
  expect(await door.execute(asUser("ann"), command)).toEqual({ ...first, duplicate: true });
  await expect(
    door.execute(asUser("ann"), { ...command, attachmentIds: [(await upload("ann")).id] }),
  ).rejects.toMatchObject({ code: "key_reused" });
  await door.execute(asUser("ann"), { type: "delete-message", conversationId, messageId: first.id });
  await sweepAt(HOUR_MS);
  expect(await door.execute(asUser("ann"), command)).toEqual({ ...first, duplicate: true });
});

test("of twenty repeats at once one is stored, with its files", async () => {
  const conversationId = await node.open(["ann", "bob"]);
  const { id } = await upload("ann");
  const command = sending(conversationId, [id], { idempotencyKey: "k" });
  const all = await Promise.all(upTo(20).map(() => door.execute(asUser("ann"), command)));
  expect(new Set(all.map((one) => one.id)).size).toBe(1);
  expect(all.filter((one) => !one.duplicate)).toHaveLength(1);
  expect(await node.history(conversationId)).toMatchObject([{ type: "file", attachments: [{ id }] }]);
});

test("a message with files counts, ticks, names people and replies like any other", async () => {
  const conversationId = await node.open(["ann", "bob"]);
  const { id: parentId } = await node.send({ conversationId, senderId: "bob", content: "which?" });
  const { id } = await upload("ann");
  const content = "this, @[bob]";
  const { seq } = await door.execute(asUser("ann"), sending(conversationId, [id], { parentId, content }));
  expect(seq).toBe(3);
  const [parent, reply] = await node.history(conversationId);
  expect(parent).toMatchObject({ replyCount: 1, attachments: null });
  expect(reply).toMatchObject({ mentions: ["bob"], parentId, content, attachments: [{ fileName: "a.txt" }] });
  const [entry] = await node.store.reader.entries("bob", [conversationId]);
  expect(entry).toMatchObject({ unread: 1, lastMessage: { seq: 3 } });
});

test("the messages with files of a conversation, page by page", async () => {
  const conversationId = await node.open(["ann", "bob"]);
  const ids: number[] = [];
  for (const i of upTo(5)) {
    await node.send({ conversationId, senderId: "bob", content: `between ${i}` });
    ids.push((await share(conversationId)).messageId);
  }
  const deleted = ids.splice(1, 1)[0] as number;
  await door.execute(asUser("ann"), { type: "delete-message", conversationId, messageId: deleted });
  const page = (before: number | null) =>
    door.answer(asUser("bob"), {
      type: "read-files",
      conversationId,
      before: before === null ? null : { id: before },
      limit: 3,
    });
  const first = await page(null);
  expect(first.messages.map((message) => message.id)).toEqual(ids.slice(1).toReversed());
  expect(first.more).toBe(true);
  const second = await page(first.messages.at(-1)?.id as number);
  expect(second.messages.map((message) => message.id)).toEqual(ids.slice(0, 1));
  expect(second.more).toBe(false);
  await expect(
    door.answer(asUser("eve"), { type: "read-files", conversationId, before: null, limit: 3 }),
  ).rejects.toMatchObject({ code: "not_participant" });
});

test("what no message uses is removed after a day, what went with its message at once", async () => {
  await sweepAt(48 * HOUR_MS);
  const conversationId = await node.open(["ann", "bob"]);
  const used = await share(conversationId);
  const kept = stored();
  const deleted = await share(conversationId);
  const orphan = await upload("ann");
  await door.execute(asUser("ann"), { type: "delete-message", conversationId, messageId: deleted.messageId });
  expect(await sweepAt(23 * HOUR_MS)).toBe(1);
  expect(stored()).toEqual([...kept, orphan.id].toSorted());
  expect(await sweepAt(25 * HOUR_MS)).toBe(1);
  expect(stored()).toEqual(kept);
  expect(await read("bob", used.attachmentId)).toBe(used.attachmentId);
  await expect(door.execute(asUser("ann"), sending(conversationId, [orphan.id]))).rejects.toMatchObject({
    code: "not_found",
  });
});

test("a file that is being removed cannot be used, and one whose removal failed is removed later", async () => {
  const conversationId = await node.open(["ann", "bob"]);
  const orphan = await upload("ann");
  const failing = sweepAt(25 * HOUR_MS, {
    remove: () => Promise.reject(new BlobError("unavailable", "test")),
  });
  await expect(failing).rejects.toMatchObject({ kind: "unavailable" });
  await expect(door.execute(asUser("ann"), sending(conversationId, [orphan.id]))).rejects.toMatchObject({
    code: "not_found",
  });
  expect(stored()).toContain(orphan.id);
  expect(await sweepAt(0)).toBe(1);
  expect(stored()).not.toContain(orphan.id);
});

test("using and sweeping at once: a message that is stored has its file", async () => {
  const conversationId = await node.open(["ann", "bob"]);
  for (const _ of upTo(10)) {
    const { id } = await upload("ann");
    const [sent] = await Promise.allSettled([
      door.execute(asUser("ann"), sending(conversationId, [id])),
      sweepAt(25 * HOUR_MS),
      sweepAt(25 * HOUR_MS),
    ]);
    await sweepAt(0);
    expect(stored().includes(id)).toBe(sent.status === "fulfilled");
  }
  const messages = await node.history(conversationId);
  expect(messages.map((message) => message.seq)).toEqual(messages.map((_, i) => i + 2));
});

test("a file whose bytes could not be kept is not there, and leaves nothing", async () => {
  const before = stored();
  const broken = openDoor(node, {
    blobs: { ...blobs, write: () => Promise.reject(new BlobError("full", "ENOSPC")) },
  });
  await expect(upload("ann", "x", broken)).rejects.toMatchObject({ code: "unavailable" });
  await sweepAt(25 * HOUR_MS);
  expect(stored()).toEqual(before);
});

test("limits: so many a minute, so many that wait, only some types", async () => {
  const limited = openDoor(node, {
    uploadLimit: createRateLimit(
      2,
      createInProcessBuckets(2, () => 0),
    ),
  });
  await upload("carl", "x", limited);
  await upload("carl", "x", limited);
  await expect(upload("carl", "x", limited)).rejects.toMatchObject({ code: "rate_limited" });
  await upload("dora", "x", limited);

  const choosy = openDoor(node, {
    fileLimits: { maxBytes: 100, allowedTypes: ["image/*", "application/pdf"] },
  });
  await expect(upload("ann", "text", choosy)).rejects.toMatchObject({ code: "unsupported_media_type" });
  expect((await upload("ann", "%PDF-1.7\n", choosy)).contentType).toBe("application/pdf");

  for (const _ of upTo(200)) await upload("many", "x");
  await expect(upload("many", "x")).rejects.toMatchObject({ code: "rate_limited" });
});

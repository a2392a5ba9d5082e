import { randomUUID } from "node:crypto";
import type { Stored } from "@parlance/protocol/commands.ts";
import { expect, test } from "vitest";
import { startNode, upTo } from "../support/node.ts";
import { createMigratedDatabase, withClient } from "../support/postgres.ts";

test("50 senders over two nodes: ticks without holes, acks as in history, each sender in order", async () => {
  await using database = await createMigratedDatabase("order");
  await using one = await startNode(database.connection, { maxBatch: 40 });
  await using two = await startNode(database.connection, { maxBatch: 40 });
  const users = upTo(50).map((i) => `user-${i}`);
  const conversationId = await one.open(users);
  const acks: Stored[] = [];
  const sent = new Map<string, number[]>();

  await Promise.all(
    users.map(async (senderId, i) => {
      const node = i % 2 === 0 ? one : two;
      // Some in one breath, as a client that pipelines, some each after the ack before it.
      for (let burst = 0; burst < 8; burst++) {
        const drafts = await Promise.all(
          upTo(burst).map((j) => node.draft({ conversationId, senderId, content: `${burst}.${j}` })),
        );
        sent.set(senderId, [...(sent.get(senderId) ?? []), ...drafts.map((draft) => draft.id)]);
        acks.push(...(await Promise.all(drafts.map((draft) => node.writer.send(draft, undefined)))));
        // A poisoned draft and one of a stranger, which use up no tick.
        await expect(
          node.send({ conversationId, senderId, idempotencyKey: `${senderId} ${burst}`, content: "\0" }),
        ).rejects.toMatchObject({ code: "invalid" });
        await expect(node.send({ conversationId, senderId: "stranger" })).rejects.toMatchObject({
          code: "not_participant",
        });
      }
    }),
  );

  const history = await one.history(conversationId);
  const total = 50 * 28;
  expect(history.map((message) => message.seq)).toEqual(upTo(total).map((i) => i + 1));
  expect(acks.length).toBe(total);
  const byId = new Map(history.map((message) => [message.id, message]));
  for (const ack of acks) {
    expect({ seq: ack.seq, at: ack.at }).toEqual({
      seq: byId.get(ack.id)?.seq,
      at: byId.get(ack.id)?.createdAt,
    });
    expect(ack.duplicate).toBe(false);
  }
  for (const [senderId, ids] of sent) {
    const own = history.filter((message) => message.senderId === senderId).map((message) => message.id);
    expect(own).toEqual(ids);
  }
  expect((await one.store.reader.standing(conversationId, "user-1"))?.clock).toBe(total + 1);
});

test("ticks are in order of commit: a reader never sees one before those below it", async () => {
  await using database = await createMigratedDatabase("commits");
  await using one = await startNode(database.connection, { maxBatch: 10 });
  await using two = await startNode(database.connection, { maxBatch: 10 });
  const conversationId = await one.open(["ann", "bob"]);
  let done = false;
  const watching = (async () => {
    let last = 1;
    while (!done) {
      const messages = await one.store.ticks.newMessages(
        conversationId,
        last,
        Number.MAX_SAFE_INTEGER,
        10_000,
      );
      expect(messages.map((message) => message.seq)).toEqual(messages.map((_, i) => last + i + 1));
      last += messages.length;
    }
  })();
  await Promise.all(
    upTo(400).map((i) =>
      (i % 2 === 0 ? one : two).send({ conversationId, senderId: i % 3 === 0 ? "ann" : "bob" }),
    ),
  );
  done = true;
  await watching;
  // Of two ticks, the later has the later time, and unless it waited for several locks the later transaction.
  await withClient(database.connection, async (client) => {
    const { rows } = await client.query(
      `select count(*) filter (where m.created_at < before)::int as backwards from (
         select created_at, lag(created_at) over (order by seq) as before from messages) m`,
    );
    expect(rows[0].backwards).toBe(0);
  });
});

test("messages of one sender and conversation keep their order with changes between them", async () => {
  await using database = await createMigratedDatabase("mixed");
  await using node = await startNode(database.connection);
  const conversationId = await node.open(["ann"]);
  const ticks: number[] = [];
  const drafts = await Promise.all(upTo(60).map(() => node.draft({ conversationId, senderId: "ann" })));
  await Promise.all(
    drafts.flatMap((draft, i) => [
      node.writer.send(draft, undefined).then(({ seq }) => ticks.push(seq)),
      ...(i % 7 === 0
        ? [
            node.writer
              .change({ kind: "settings", conversationId, by: "ann", asRole: "owner", name: randomUUID() })
              .then((outcome) => "seq" in outcome && ticks.push(outcome.seq)),
          ]
        : []),
    ]),
  );
  expect(ticks).toEqual(upTo(69).map((i) => i + 1));
});

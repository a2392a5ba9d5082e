import type { Event } from "@parlance/protocol/events.ts";
import pg from "pg";
import { expect, test } from "vitest";
import type { Query } from "../../src/adapters/store/line.ts";
import { createMessageLog } from "../../src/adapters/store/postgres-message-log.ts";
import { silentLog } from "../../src/core/ports/log.ts";
import type { TickReader } from "../../src/core/ports/tick-reader.ts";
import { catchUp } from "../../src/delivery/catch-up.ts";
import { Hub } from "../../src/delivery/hub.ts";
import type { Codec } from "../../src/delivery/outlet.ts";
import { readPosition } from "../../src/delivery/position.ts";
import type { Session } from "../../src/delivery/session.ts";
import { type Sweep, startSweep } from "../../src/delivery/sweep.ts";
import { startNode, upTo, type WritingNode } from "../support/node.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/postgres.ts";

/** A node that writes and tells. Its bus reaches nobody else: what other nodes do it hears by its sweep alone. */
interface TellingNode {
  readonly writing: WritingNode;
  readonly hub: Hub;
  readonly sweep: Sweep;
}

async function startTellingNode(
  database: TestDatabase,
  wrap: (reader: TickReader) => TickReader = (reader) => reader,
): Promise<TellingNode> {
  const writing = await startNode(database.connection);
  const reader = wrap(writing.store.ticks);
  const hub = new Hub({
    bus: writing.bus,
    reader,
    log: silentLog,
    maxSendQueueBytes: 64 * 1024 * 1024,
    maxSessionsPerUser: 100,
    noteDelivered() {},
    nodeId: "n",
    onLost() {},
  });
  const options = { hub, reader, intervalMs: 40, log: silentLog, now: Date.now, onNewEpoch() {} };
  const sweep = startSweep(options);
  await sweep.run();
  return { writing, hub, sweep };
}

type Line = { readonly events: readonly Event[] } | { readonly position: string };

const encode = (line: Line): Buffer => Buffer.from(`${JSON.stringify(line)}\n`);
const codec: Codec = {
  events: (events) => encode({ events }),
  signal: () => null,
  position: (position) => encode({ position }),
};

/** One person's device: comes to any node with its last position, listens a while, and is cut off. */
class Device {
  readonly userId: string;
  position = "";
  /** Everything told and covered by a position: how often each message was told as new, and each change of it. */
  readonly told = new Map<string, number>();
  readonly revs = new Map<number, number>();
  /** Messages of each conversation in the order in which they were first told. */
  readonly order = new Map<number, number[]>();
  resets = 0;

  constructor(userId: string) {
    this.userId = userId;
  }

  async visit({ hub, writing }: TellingNode, ms: number): Promise<void> {
    const received: Line[] = [];
    const session = await hub.attach(this.userId, {
      codec,
      interest: null,
      write(buffers) {
        const text = Buffer.concat(buffers).toString();
        for (const line of text.split("\n").slice(0, -1)) received.push(JSON.parse(line) as Line);
      },
      buffered: 0,
      drained: async () => {},
      end() {},
    });
    if (this.position !== "") await this.#resume(hub, session, writing);
    // The position counts as told what was kept back: that goes out before it.
    session.release();
    await session.settled();
    session.push(encode({ position: hub.horizon.positionOf(session.user) }));
    await pause(ms);
    hub.detach(session);
    this.#keep(received);
  }

  async #resume(hub: Hub, session: Session, { store }: WritingNode): Promise<void> {
    const position = readPosition(this.position);
    if (position === null) throw new Error("a position of our own cannot be read");
    await catchUp(
      { hub, reader: store.ticks },
      session,
      { kind: "position", position },
      async ({ resets }) => {
        this.resets += resets.length;
      },
    );
  }

  /** What came behind the last position is as if it had never arrived. */
  #keep(received: readonly Line[]): void {
    const end = received.findLastIndex((line) => "position" in line);
    for (const line of received.slice(0, end + 1)) {
      if ("position" in line) {
        this.position = line.position;
        continue;
      }
      for (const event of line.events) {
        if (event.type === "conversation.changed") continue;
        const { id, rev, seq } = event.message;
        const what = event.type === "message.stored" ? `${id}` : `${id} at ${event.seq}`;
        this.told.set(what, (this.told.get(what) ?? 0) + 1);
        this.revs.set(id, Math.max(rev, this.revs.get(id) ?? 0));
        if (event.type !== "message.stored") continue;
        const order = this.order.get(event.conversationId) ?? [];
        this.order.set(event.conversationId, [...order, seq]);
      }
    }
  }

  get repeated(): string[] {
    return [...this.told].filter(([, times]) => times > 1).map(([what]) => what);
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Writes as a node would that is slow between its parts: takes its transaction's id first and the locks late, so
 * that ids and ticks are in opposite orders; some in a hundred roll back.
 */
async function writeSlowly(
  node: WritingNode,
  wish: { conversationId: number; senderId: string; waitMs: number; rollBack: boolean },
  client: pg.Client,
): Promise<void> {
  const query: Query = async (text, values) => (await client.query(text, values as unknown[])).rows;
  await client.query("begin");
  await client.query("select pg_current_xact_id()");
  await pause(wish.waitMs);
  const draft = await node.draft({ conversationId: wish.conversationId, senderId: wish.senderId });
  await createMessageLog(query).append([draft], { wait: true, recheck: false });
  if (wish.waitMs > 20) await pause(5);
  await client.query(wish.rollBack ? "rollback" : "commit");
}

async function run(conversationCount: number, sendsPerWriter: number, devices: Device[]) {
  await using database = await createMigratedDatabase("positions");
  const nodes = await Promise.all(upTo(3).map(() => startTellingNode(database)));
  const nodeAt = (i: number) => nodes[i % nodes.length] as TellingNode;
  const writers = upTo(24).map((i) => `writer-${i}`);
  const people = [...writers, ...devices.map((device) => device.userId)];
  const conversations = await Promise.all(upTo(conversationCount).map((i) => nodeAt(i).writing.open(people)));
  const anyConversation = () => conversations[Math.floor(Math.random() * conversations.length)] as number;
  for (const { sweep } of nodes) await sweep.run();

  let done = false;
  let hops = 0;
  const travelling = devices.map(async (device) => {
    for (let hop = 0; !done || hop < 1; hop++) {
      await device.visit(nodeAt(Math.floor(Math.random() * 3)), Math.random() * 30);
      if (Math.random() < 0.2) await pause(Math.random() * 100);
      hops++;
    }
  });
  while (devices.some((device) => device.position === "")) await pause(5);

  await Promise.all(
    writers.map(async (senderId, w) => {
      const { writing } = nodeAt(w);
      const slow = w % 4 === 0;
      const client = new pg.Client({ ...database.connection, types: NUMBERS });
      if (slow) await client.connect();
      for (let i = 0; i < sendsPerWriter; i++) {
        const conversationId = anyConversation();
        const poisoned = Math.random() < 0.03;
        if (slow) {
          const waitMs = Math.random() < 0.1 ? 150 : Math.random() * 20;
          await writeSlowly(writing, { conversationId, senderId, waitMs, rollBack: poisoned }, client);
        } else {
          const sent = writing.send({ conversationId, senderId, content: poisoned ? "\0" : `${i}` });
          const ack = await sent.catch(() => null);
          if (ack !== null && Math.random() < 0.4)
            await writing.change({
              kind: "edit",
              conversationId,
              by: senderId,
              messageId: ack.id,
              content: "new",
            });
          // Somebody opens another one, of which the devices' nodes must hear.
          if (Math.random() < 0.01) conversations.push(await writing.open(people));
        }
      }
      if (slow) await client.end();
    }),
  );
  done = true;
  await Promise.all(travelling);
  for (const { sweep } of nodes) await sweep.run();
  for (const device of devices) await device.visit(nodeAt(1), 20);

  const history = (await Promise.all(conversations.map((id) => nodeAt(0).writing.history(id)))).flat();
  for (const { sweep, writing } of nodes) {
    await sweep.stop();
    await writing.close();
  }
  return { history, hops };
}

/** int8 and xid8 as numbers. */
const NUMBERS: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format: "text" | "binary") => {
    if (oid === 20 || oid === 5069) return Number;
    if (oid === 1016) return (text: string) => text.slice(1, -1).split(",").map(Number);
    return pg.types.getTypeParser(oid, format);
  }) as pg.CustomTypesConfig["getTypeParser"],
};

test("24 writers on three nodes, slow transactions and rollbacks: from every position nothing is skipped and nothing repeated", async () => {
  const devices = upTo(10).map((i) => new Device(`reader-${i}`));
  const { history, hops } = await run(12, 60, devices);
  expect(history.length).toBeGreaterThan(1_000);
  expect(hops).toBeGreaterThan(100);
  for (const device of devices) {
    const skipped = history.filter((message) => (device.revs.get(message.id) ?? 0) < message.rev);
    expect({ skipped: skipped.length, repeated: device.repeated, resets: device.resets }).toEqual({
      skipped: 0,
      repeated: [],
      resets: 0,
    });
    for (const seqs of device.order.values()) expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
  }
});

test("more conversations in motion than a position can name: repeats at most, nothing skipped", async () => {
  const devices = upTo(3).map((i) => new Device(`reader-${i}`));
  const { history } = await run(220, 40, devices);
  for (const device of devices) {
    const skipped = history.filter((message) => (device.revs.get(message.id) ?? 0) < message.rev);
    expect({ skipped: skipped.length, resets: device.resets }).toEqual({ skipped: 0, resets: 0 });
  }
});

test("somebody who comes while the sweep asks has heard all that lies before the horizon it brings", async () => {
  await using database = await createMigratedDatabase("latecomer");
  const other = await startNode(database.connection);
  const conversationId = await other.open(["ann", "bob"]);
  const device = new Device("ann");
  let meanwhile: (() => Promise<void>) | null = null;
  // The sweep's question is slow to reach the store: what happens meanwhile is in its answer's horizon.
  const node = await startTellingNode(database, (reader) => ({
    ...reader,
    async sweep(wish) {
      const first = meanwhile;
      meanwhile = null;
      await first?.();
      return await reader.sweep(wish);
    },
  }));
  await node.sweep.stop();
  let visit: Promise<void> = Promise.resolve();
  meanwhile = async () => {
    visit = device.visit(node, 400);
    await expect.poll(() => node.hub.clocks()).toEqual([{ conversationId, clock: 1 }]);
    await other.send({ conversationId, senderId: "bob", content: "in between" });
  };
  await node.sweep.run();
  const [{ user: ann }] = node.hub.sessions() as [Session];
  const position = node.hub.horizon.positionOf(ann);
  await visit;
  device.position = position;
  await device.visit(node, 20);
  expect([...device.order]).toEqual([[conversationId, [2]]]);
  await node.writing.close();
  await other.close();
});

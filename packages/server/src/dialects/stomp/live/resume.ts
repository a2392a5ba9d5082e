import { Refusal } from "@parlance/protocol/errors.ts";
import type { CatchUpReport } from "../../../delivery/catch-up.ts";
import type { Told } from "../../../delivery/listen.ts";
import type { Outlet } from "../../../delivery/outlet.ts";
import type { Position } from "../../../delivery/position.ts";
import type { Subscription } from "../session/subscriptions.ts";
import type { LiveClient } from "./client.ts";
import { entryUpdateOf, receiptBroadcastOf } from "./told.ts";
import { TOPICS, type TopicName } from "./topics.ts";

/** Heads of large groups are large: so many are read at once. */
const ENTRIES_AT_ONCE = 50;

/**
 * Tells one subscription everything since a position, once and in order, then what is live; the connection's others go
 * on as they were. It listens by itself until it is as far as they are, and joins them between two turns.
 */
export async function resume(
  client: LiveClient,
  subscription: Subscription,
  position: Position,
): Promise<void> {
  client.session.subscriptions.setApart(subscription);
  const listening = await client.listening.beside(outletFor(client, subscription));
  client.apart = listening;
  try {
    await listening.resume({ kind: "position", position }, (report) =>
      finish(client, subscription, listening, report),
    );
    listening.session.release();
    await join(client, subscription, listening);
  } finally {
    client.apart = null;
    listening.close();
  }
}

function outletFor(client: LiveClient, subscription: Subscription): Outlet {
  const { session } = client;
  return {
    codec: client.codec,
    interest: {
      hears: () => true,
      wants: () => true,
      receives: () => subscription.topic === TOPICS.messages,
    },
    write: (records) => session.write(records, subscription),
    get buffered() {
      return session.buffered;
    },
    drained: () => session.drained(),
    end: (reason) => session.end(reason),
  };
}

/** Where neither keeps anything back both have been told the same. */
async function join(client: LiveClient, subscription: Subscription, listening: Told): Promise<void> {
  const { session: apart } = listening;
  const { session: main } = client.listening;
  do {
    await apart.settled();
    await main.settled();
    if (apart.ended || main.ended) throw new Refusal("unavailable", "The connection has ended");
  } while (apart.isHolding || main.isHolding);
  main.writeOut();
  apart.writeOut();
  client.session.subscriptions.putBack(subscription);
}

async function finish(
  client: LiveClient,
  { topic }: Subscription,
  listening: Told,
  report: CatchUpReport,
): Promise<void> {
  const { session } = listening;
  const name = nameOf(topic);
  for (const { conversationId, reason } of report.resets) {
    const body = { type: "reset", reason, ...(conversationId !== undefined && { conversationId }) };
    const position = conversationId === undefined ? listening.startPosition() : null;
    session.push(client.ownMessage(name, body, position === null ? [] : [["position", position]]));
  }
  if (topic === TOPICS.receipts) {
    for (const { conversationId, ...marks } of report.marks) {
      if (marks.readMessageId === null) continue;
      session.push(client.ownMessage(name, receiptBroadcastOf(conversationId, marks)));
      await session.paced();
    }
  }
  if (topic === TOPICS.updates) await tellEntries(client, listening, report);
}

/** What is the caller's own of each conversation: none of it takes a tick. */
async function tellEntries(client: LiveClient, { session }: Told, report: CatchUpReport): Promise<void> {
  const own = report.marks.filter((mark) => mark.userId === client.caller.userId);
  const ids = [...new Set([...report.told, ...own.map((mark) => mark.conversationId)])];
  for (let i = 0; i < ids.length && !session.ended; i += ENTRIES_AT_ONCE) {
    const conversationIds = ids.slice(i, i + ENTRIES_AT_ONCE);
    for (const entry of await client.parts.door.answer(client.caller, {
      type: "read-entries",
      conversationIds,
    })) {
      const { head } = entry;
      // Never ahead of what was told: a client goes on from here.
      const clock = Math.min(head.conversation.clock, report.toldTo(head.conversation.id));
      const told = { ...entry, head: { ...head, conversation: { ...head.conversation, clock } } };
      session.push(client.ownMessage("updates", entryUpdateOf(told, client.parts.maxFileSizeMb)));
      await session.paced();
    }
  }
}

function nameOf(topic: number): TopicName {
  const found = Object.entries(TOPICS).find(([, value]) => value === topic);
  if (found === undefined) throw new RangeError("there is no such topic");
  return found[0] as TopicName;
}

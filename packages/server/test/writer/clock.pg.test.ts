import { Refusal } from "@parlance/protocol/errors.ts";
import type { Event } from "@parlance/protocol/events.ts";
import type { Message, Role } from "@parlance/protocol/model.ts";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Change } from "../../src/core/ports/message-log.ts";
import { missedEvents } from "../../src/delivery/missed-events.ts";
import { startNode, type WritingNode } from "../support/node.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/postgres.ts";
import { ModelConversation, type Outcome, type View } from "./model.ts";

let database: TestDatabase;
let nodes: [WritingNode, WritingNode];

beforeAll(async () => {
  database = await createMigratedDatabase("clock");
  nodes = [await startNode(database.connection), await startNode(database.connection)];
});

afterAll(async () => {
  for (const node of nodes) await node.close();
  await database.drop();
});

const USERS = ["ann", "bob", "cyd", "dan"];
const MAX_EMOJI = 2;
const MAX_PINS = 2;

const user = fc.constantFrom(...USERS);
/** Which conversation, which message: taken modulo how many there are. */
const nth = fc.nat(1_000);
const command = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant("send" as const),
      in: nth,
      by: user,
      key: fc.option(fc.constantFrom("k1", "k2", "k3"), { freq: 2 }),
      content: fc.constantFrom("x", "y"),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("edit" as const),
      in: nth,
      by: user,
      message: nth,
      content: fc.constantFrom("x", "y", "z"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("delete" as const), in: nth, by: user, message: nth }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("react" as const),
      in: nth,
      by: user,
      message: nth,
      emoji: fc.constantFrom("👍", "🎉", "😀"),
      add: fc.constantFrom(true, false, "toggle" as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("pin" as const),
      in: nth,
      by: user,
      message: nth,
      pin: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("add" as const),
      in: nth,
      by: user,
      who: fc.uniqueArray(user, { minLength: 1, maxLength: 2 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("remove" as const), in: nth, by: user, who: user }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("role" as const),
      in: nth,
      by: user,
      who: user,
      role: fc.constantFrom<Role>("owner", "admin", "member"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("rename" as const),
      in: nth,
      by: user,
      name: fc.constantFrom("a", "b", null),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("read" as const), in: nth, by: user, upTo: fc.nat(40) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("open" as const), who: fc.uniqueArray(user, { minLength: 1 }) }),
  },
  // What stands between two of these is in flight together.
  { weight: 3, arbitrary: fc.record({ do: fc.constant("wait" as const), node: fc.nat(1) }) },
);
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never;

/** Runs a history through the writers and the model at once; what they answer must agree. */
async function play(commands: readonly Command[]): Promise<ModelConversation[]> {
  let node = nodes[0];
  const conversations: ModelConversation[] = [];
  let flight: { command: Command; expected: Outcome; answer: Promise<Outcome> }[] = [];
  const land = async () => {
    for (const { command, expected, answer } of flight) {
      expect({ command, ...(await answer) }).toEqual({ command, ...expected });
    }
    flight = [];
  };
  const open = async (who: readonly string[]) => {
    conversations.push(new ModelConversation(await node.open(who), "group", who));
  };
  await open(["ann", "bob"]);

  for (const command of commands) {
    if (command.do === "wait") {
      await land();
      node = nodes[command.node] as WritingNode;
      continue;
    }
    if (command.do === "open") {
      await open(command.who);
      continue;
    }
    const model = conversations[command.in % conversations.length] as ModelConversation;
    if (command.do === "read") {
      await land();
      await node.read(model.id, command.by, command.upTo);
      model.read(command.by, command.upTo);
      continue;
    }
    if (command.do === "send") {
      const { by: senderId, key: idempotencyKey, content } = command;
      const draft = await node.draft({ conversationId: model.id, senderId, idempotencyKey, content });
      const answer = outcomeOf(node.writer.send(draft, undefined));
      flight.push({ command, answer, expected: model.send(draft.id, senderId, idempotencyKey, content) });
      continue;
    }
    const asRole = model.person(command.by)?.role;
    if (asRole === undefined) continue;
    const base = { conversationId: model.id, by: command.by, asRole };
    const [change, expected] = changeOf(command, base, model);
    flight.push({ command, answer: outcomeOf(node.writer.change(change)), expected });
  }
  await land();
  return conversations;
}

function changeOf(
  command: Exclude<Command, { do: "wait" | "open" | "read" | "send" }>,
  base: { conversationId: number; by: string; asRole: Role },
  model: ModelConversation,
): [Change, Outcome] {
  const messageId =
    "message" in command ? (model.messages[command.message % (model.messages.length + 1)]?.id ?? 1) : 0;
  switch (command.do) {
    case "edit": {
      const { content } = command;
      return [{ ...base, kind: "edit", messageId, content }, model.edit(messageId, content)];
    }
    case "delete":
      return [{ ...base, kind: "delete", messageId }, model.delete(messageId)];
    case "react": {
      const { emoji, add } = command;
      return [
        { ...base, kind: "react", messageId, emoji, add, maxEmoji: MAX_EMOJI },
        model.react(messageId, command.by, emoji, add, MAX_EMOJI),
      ];
    }
    case "pin": {
      const { pin } = command;
      return [
        { ...base, kind: "pin", messageId, pin, maxPins: MAX_PINS },
        model.pin(messageId, command.by, pin, MAX_PINS),
      ];
    }
    case "add":
      return [{ ...base, kind: "add", userIds: command.who, maxParticipants: 100 }, model.add(command.who)];
    case "remove":
      return [{ ...base, kind: "remove", userId: command.who }, model.remove(command.who)];
    case "role": {
      const { who: userId, role } = command;
      return [{ ...base, kind: "role", userId, role }, model.setRole(userId, role)];
    }
    case "rename":
      return [{ ...base, kind: "settings", name: command.name }, model.rename(command.name)];
  }
}

/** What the writer answers, in the model's words. */
async function outcomeOf(answer: ReturnType<WritingNode["writer"]["send" | "change"]>): Promise<Outcome> {
  try {
    const result = await answer;
    if ("duplicate" in result) return { seq: result.seq, fresh: !result.duplicate };
    if ("refused" in result) return { refused: result.refused };
    if ("stale" in result) return { refused: "stale" };
    // Of what was so already, only a message tells by its tick since when.
    return { seq: result.changed || result.message !== undefined ? result.seq : 0, fresh: result.changed };
  } catch (error) {
    if (error instanceof Refusal) return { refused: error.code };
    throw error;
  }
}

async function viewOf({ store }: WritingNode, conversationId: number): Promise<View> {
  const events: Event[] = [];
  const clock = (await store.ticks.clocks([conversationId]))[0]?.clock ?? 0;
  const all = { conversationId, since: 0, through: clock, visibleFrom: 0, xid: 0 };
  for await (const page of missedEvents(store.ticks, all)) events.push(...page);
  return fold({ clock: 0, name: null, people: [], messages: [] }, events, clock);
}

/** Old state and events give new state. */
function fold(view: View, events: readonly Event[], clock: number): View {
  const messages = new Map(view.messages.map((message) => [message.id, message]));
  let { name, people } = view;
  for (const event of events) {
    if (event.type === "conversation.changed") {
      name = event.head.conversation.name;
      people = event.head.participants.map(({ userId, role, joinedSeq }) => ({ userId, role, joinedSeq }));
    } else messages.set(event.message.id, viewOfMessage(event.message));
  }
  return { clock, name, people, messages: [...messages.values()].toSorted((a, b) => a.seq - b.seq) };
}

const viewOfMessage = ({ id, seq, rev, content, deletedAt, pinnedBy, reactions }: Message) => ({
  id,
  seq,
  rev,
  content,
  deleted: deletedAt !== null,
  pinnedBy,
  reactions,
});

test("random histories: ticks, members, reactions, marks, unread counts and every stretch of events are as modelled", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 30, maxLength: 60, size: "max" }), async (commands) => {
      const conversations = await play(commands);
      const [{ store }] = nodes;
      await Promise.all(
        conversations.map(async (model) => {
          const now = model.view();
          const conversationId = model.id;
          expect((await nodes[0].history(conversationId)).map(viewOfMessage)).toEqual(now.messages);
          expect(await viewOf(nodes[1], conversationId)).toEqual(now);
          // The state at any tick, and everything since, give the state now.
          await Promise.all(
            model.views.map(async (then, since) => {
              const events: Event[] = [];
              const stretch = { conversationId, since, through: now.clock, visibleFrom: 0, xid: 0 };
              for await (const page of missedEvents(store.ticks, stretch)) events.push(...page);
              expect(fold(then, events, now.clock)).toEqual(now);
              const told = events.flatMap((event) =>
                event.type === "conversation.changed" ? [] : [event.message.id],
              );
              expect(new Set(told).size).toBe(told.length);
            }),
          );
          for (const userId of USERS) {
            const person = model.person(userId);
            const standing = await store.reader.standing(conversationId, userId);
            expect(standing).toMatchObject({
              clock: now.clock,
              participantCount: now.people.length,
              role: person?.role ?? null,
              joinedSeq: person?.joinedSeq ?? 0,
            });
            const [entry] = await store.reader.entries(userId, [conversationId]);
            expect(entry?.unread).toBe(person === undefined ? undefined : model.unread(person));
          }
        }),
      );
    }),
    { numRuns: 60 },
  );
}, 120_000);

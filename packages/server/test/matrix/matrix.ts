import { readId, spellPrefixed } from "@parlance/protocol/ids.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { seeded } from "../support/node.ts";
import type { ServerProcess } from "../support/server.ts";
import { connect, type TestClient } from "../support/socket.ts";
import type { Heard, MatrixClient } from "./client.ts";
import { DIALECTS } from "./dialects.ts";

/** Some hundred connections over and over: on a busy machine that takes its time. */
const CROWD_MS = 180_000;
const PATIENCE = { timeout: 20_000 };
const TEXTS = ["plain", "Ünïcode 👩‍👩‍👧 \u202eright", '"quotes"\\ \n<b>tags</b>\ttab'] as const;
const EDITED = "said better";

const messages = (heard: readonly Heard[]): Heard[] => heard.filter(({ kind }) => kind === "message");
const ids = (heard: readonly Heard[]): number[] => messages(heard).map(({ id }) => id);

async function until(client: MatrixClient, found: (heard: readonly Heard[]) => boolean): Promise<void> {
  await expect.poll(() => found(client.heard), PATIENCE).toBe(true);
}

/** Keeps whatever is to be closed when the test is over. */
function keeper() {
  const stack = new AsyncDisposableStack();
  const keep = <T extends { close(): Promise<unknown> }>(client: T): T =>
    stack.adopt(client, async (kept) => void (await kept.close()));
  return { keep, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** Edits and deletes by the author, which not every dialect has words for. */
async function change(author: TestClient, event: "message.edit" | "message.delete", of: number, id: number) {
  const answer = await author.ask(event, {
    conversation_id: spellPrefixed("conversation", of),
    message_id: spellPrefixed("message", id),
    ...(event === "message.edit" && { content: EDITED }),
  });
  expect(answer).toMatchObject({ event: "ok" });
}

/** The servers that a matrix is run over, which are to be one system. */
export interface MatrixScene {
  /** Each connection and each request goes to the next of them. */
  readonly servers: readonly [ServerProcess, ...ServerProcess[]];
  close(): Promise<void>;
}

/** Everything that can send against everything that can listen, over whatever servers there are. */
export function matrix(name: string, open: () => Promise<MatrixScene>): void {
  describe(name, () => {
    let scene: MatrixScene;
    let turn = 0;
    const next = (): ServerProcess => scene.servers[turn++ % scene.servers.length] as ServerProcess;
    const server: Pick<ServerProcess, "url" | "request"> = {
      get url() {
        return next().url;
      },
      request: (path, options) => next().request(path, options),
    };
    beforeAll(async () => {
      scene = await open();
    }, 60_000);
    afterAll(() => scene.close());

    async function directConversation(...people: readonly string[]): Promise<number> {
      const { body } = await server.request("/api/v1/chats", { body: { participants: people } });
      return readId("conversation", body.conversation_id) as number;
    }

    describe.each(DIALECTS)("what $name sends", (sending) => {
      test.each(DIALECTS.filter(({ listens }) => listens))(
        "$name hears once and in order, and after an absence exactly what it missed",
        async (hearing) => {
          const [speaker, hearer] = [
            `${sending.name}-to-${hearing.name}`,
            `${hearing.name}-from-${sending.name}`,
          ];
          const conversation = await directConversation(speaker, hearer);
          await using open = keeper();
          const from = open.keep(await sending.connect(server, speaker, [conversation]));
          const to = open.keep(await hearing.connect(server, hearer, [conversation]));
          const author = open.keep(await connect(server, { user: speaker }));

          const sent: number[] = [];
          for (const [i, text] of TEXTS.entries()) sent.push(await from.send(conversation, text, `k${i}`));
          await until(to, (heard) => messages(heard).length === sent.length);
          expect(to.heard).toMatchObject(
            sent.map((id, i) => ({
              kind: "message",
              id,
              conversationId: conversation,
              senderId: speaker,
              content: TEXTS[i],
            })),
          );
          const [first, second, third] = sent as [number, number, number];

          await change(author, "message.edit", conversation, second);
          await change(author, "message.delete", conversation, first);
          await until(to, (heard) => heard.length === sent.length + 2);
          expect(to.heard.slice(sent.length)).toMatchObject([
            { kind: "update", id: second, content: EDITED, deleted: false },
            { kind: "update", id: first, deleted: true },
          ]);

          const before = to.heard.length;
          to.drop();
          sent.push(
            await from.send(conversation, "missed one", "k3"),
            await from.send(conversation, "missed two", "k4"),
          );
          await change(author, "message.edit", conversation, third);
          await to.comeBack();
          sent.push(await from.send(conversation, "live again", "k5"));
          await until(to, (heard) => ids(heard).includes(sent[5] as number));
          const since = to.heard.slice(before);
          expect(ids(since)).toEqual(sent.slice(3));
          expect(since.filter(({ kind }) => kind === "update")).toMatchObject([
            { id: third, content: EDITED, deleted: false },
          ]);
          // A repeat of a key is the first message again, and nobody is told.
          expect(await from.send(conversation, "live again", "k5")).toBe(sent[5]);

          const seqs = messages(to.heard).map(({ seq }) => seq);
          expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
          expect(new Set(ids(to.heard)).size).toBe(sent.length);
        },
      );

      test.each(DIALECTS)("$name shows in its history", async (showing) => {
        const [speaker, reader] = [
          `${sending.name}-shown-${showing.name}`,
          `${showing.name}-shows-${sending.name}`,
        ];
        const conversation = await directConversation(speaker, reader);
        await using open = keeper();
        const from = open.keep(await sending.connect(server, speaker, [conversation]));
        const at = open.keep(await showing.connect(server, reader, [conversation]));
        const author = open.keep(await connect(server, { user: speaker }));
        const sent: number[] = [];
        for (const [i, text] of TEXTS.entries()) sent.push(await from.send(conversation, text, `k${i}`));
        // What was queued is acknowledged before it is stored.
        await expect.poll(() => at.history(conversation), PATIENCE).toHaveLength(sent.length);
        await change(author, "message.edit", conversation, sent[1] as number);
        await change(author, "message.delete", conversation, sent[0] as number);
        expect(await at.history(conversation)).toMatchObject([
          { id: sent[0], senderId: speaker, deleted: true },
          { id: sent[1], senderId: speaker, deleted: false, content: EDITED },
          { id: sent[2], senderId: speaker, deleted: false, content: TEXTS[2] },
        ]);
      });
    });

    /** Who says what: each of two people through every dialect at once, and every dialect listens for both. */
    async function crowd(drops: boolean, name: string): Promise<void> {
      const random = seeded(drops ? 7 : 8);
      const people = [`${name}-ann`, `${name}-ben`];
      const conversation = await directConversation(...people);
      await using open = keeper();
      const clients: {
        readonly name: string;
        readonly client: MatrixClient;
        readonly listens: boolean;
        readonly hearsItself: boolean;
      }[] = [];
      for (const { name: dialect, connect: join, listens, hearsItself } of DIALECTS) {
        for (const person of people) {
          const client = open.keep(await join(server, person, [conversation]));
          clients.push({ name: `${dialect} for ${person}`, client, listens, hearsItself });
        }
      }
      const PER_CLIENT = 40;
      const PER_CONNECTION = 3;
      const sentBy = new Map<MatrixClient, Set<number>>();
      let sending = true;
      const senders = clients.map(async ({ client }, c) => {
        const own = new Set<number>();
        sentBy.set(client, own);
        for (let i = 0; i < PER_CLIENT; i++) {
          own.add(await client.send(conversation, `${c} says ${i}`, `${c}-${i}`));
          await new Promise((resolve) => setTimeout(resolve, random(12)));
        }
      });
      const droppers = clients
        .filter((_, c) => drops && c % 2 === 0)
        .map(async ({ client }) => {
          while (sending) {
            await new Promise((resolve) => setTimeout(resolve, random(120)));
            client.drop();
            await new Promise((resolve) => setTimeout(resolve, random(80)));
            await client.comeBack();
            // On a machine that has much to do a send may take longer than any wait here: each connection gets some through.
            const enough = (sentBy.get(client)?.size ?? 0) + PER_CONNECTION;
            while (sending && (sentBy.get(client)?.size ?? 0) < Math.min(enough, PER_CLIENT))
              await new Promise((resolve) => setTimeout(resolve, 5));
          }
        });
      await Promise.all(senders);
      sending = false;
      await Promise.all(droppers);

      const total = clients.length * PER_CLIENT;
      const all = await everything(conversation);
      expect(all.length).toBe(total);
      expect(new Set(all).size).toBe(total);
      expect([...sentBy.values()].reduce((sum, own) => sum + own.size, 0)).toBe(total);
      for (const { name: listener, client, listens, hearsItself } of clients) {
        if (!listens) continue;
        const own = sentBy.get(client);
        const isDue = (id: number): boolean => hearsItself || !own?.has(id);
        const due = all.filter(isDue);
        await expect
          .poll(() => due.filter((id) => !ids(client.heard).includes(id)), {
            ...PATIENCE,
            message: `what ${listener} has not heard`,
          })
          .toEqual([]);
        expect(ids(client.heard).filter(isDue), listener).toEqual(due);
      }
    }

    /** The ids of a conversation's messages, in their order. */
    async function everything(conversation: number): Promise<number[]> {
      const found: number[] = [];
      for (let cursor: string | null = ""; cursor !== null; ) {
        const path = `/api/v1/chat/${spellPrefixed("conversation", conversation)}?limit=100`;
        const page: { body: { messages: { id: string }[]; next_cursor: string | null } } =
          await server.request(cursor === "" ? path : `${path}&cursor=${cursor}`);
        found.push(...page.body.messages.map(({ id }) => readId("message", id) as number));
        cursor = page.body.next_cursor;
      }
      return found.toReversed();
    }

    test(
      "everybody through every dialect at once: all hear all, once, in the one order",
      async () => {
        await crowd(false, "still");
      },
      CROWD_MS,
    );

    test(
      "the same with half of the connections dropped at random moments",
      async () => {
        await crowd(true, "stormy");
      },
      CROWD_MS,
    );
  });
}

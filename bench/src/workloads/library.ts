import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readId } from "@parlance/protocol/ids.ts";
import { Client } from "pg";
import { type Http, openHttp } from "../generator/http.ts";
import type { Running } from "../peers/peer.ts";
import { storeInBulk } from "./bulk.ts";
import type { Context } from "./sample.ts";

/** One person's conversations, each with somebody else, and what was said in them. */
export type Library = {
  /** Who it is about, and their connections: with a token, and as the websocket dialect's REST has it. */
  me: string;
  http: Http;
  /** The websocket dialect's spelling of each, and the number that it stands for. The first has half of all messages. */
  conversations: Conversation[];
  /** Seconds until the newest message was found by a search; undefined where nobody searches. */
  indexSeconds: number | undefined;
  /** What was stored in bulk: the messages that the search index took of it a second. */
  indexedPerSecond: number | undefined;
  close(): void;
};

type Conversation = { spelling: string; number: number };

/** Said in every message, in one of so many, and in none. */
export const COMMON = "common";
export const RARE = "rarely";
export const RARE_EVERY = 997;
export const ABSENT = "nowhere";
const VOCABULARY = 5_000;
const SENDERS = 48;
/** Messages that are sent; what there is before them is stored in bulk. */
const SENT = 50_000;
const STORED_LIMIT_MS = 60_000;
/** How long a filled index may take; at a million it took two minutes. */
const INDEX_LIMIT_MS = 3_600_000;

/** Eight words, the commoner the lower their number, as words are. */
function textOf(random: () => number, n: number): string {
  const words = Array.from({ length: 8 }, () => `w${Math.floor(VOCABULARY * random() * random())}`);
  return `${words.join(" ")} ${COMMON}${n % RARE_EVERY === 0 ? ` ${RARE}` : ""} n${n}`;
}

/** The same again for the same seed (a linear congruential generator). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * Fills a server: the newest messages through its front door, by the queue dialect's POST, which makes a conversation on
 * first use, and those before them in bulk.
 * @param searched whether the search index is to have all of it; else, where it would be hours behind, it is left alone
 */
export async function fillLibrary(
  context: Context,
  running: Running,
  tag: string,
  searched = false,
): Promise<Library> {
  const { libraryConversations: many, libraryMessages: messages } = context.sizes;
  const me = `${context.seed}${tag}me`;
  const person = (n: number): string => `${context.seed}${tag}p${n}`;
  const random = seeded(7);
  const said = (n: number): { with_: number; mine: boolean; text: string } => ({
    // One of each first, then every other one in the first.
    with_: n < many ? n : n % 2 === 0 ? 0 : Math.floor(random() * many),
    mine: n % 3 === 0,
    text: textOf(random, n),
  });
  const open = openHttp(running.port);
  const send = async (from: number, to: number): Promise<void> => {
    let next = from;
    const line = async () => {
      for (let n = next++; n < to; n = next++) {
        const { with_, mine, text: content } = said(n);
        const [sender_id, receiver_id] = mine ? [me, person(with_)] : [person(with_), me];
        await open.post("/api/v1/messages", { sender_id, receiver_id, content });
      }
    };
    await Promise.all(Array.from({ length: SENDERS }, line));
  };

  const { token } = JSON.parse(await open.post("/api/dev/token", { user: me })) as { token: string };
  const http = openHttp(running.port, token);
  const [client] = await openDatabase(running, 1);
  const seconds = async (work: () => Promise<void>): Promise<number> => {
    const from = performance.now();
    await work();
    return (performance.now() - from) / 1_000;
  };
  const isFound = async (n: number): Promise<boolean> =>
    itemsOf(await http.get(`/api/chat/search?query=n${n}&limit=1`)).length > 0;

  await send(0, many);
  const conversations = await conversationsOf(http, me, person, many);
  const bulk = Math.max(many, messages - SENT);
  let indexedPerSecond: number | undefined;
  if (bulk > many) {
    context.say(`  ${bulk - many} messages in bulk`);
    if (!searched) await leaveSearch(client!);
    const took = await seconds(async () => {
      await storeInBulk(client!, many, bulk, (n) => {
        const { with_, mine, text } = said(n);
        return { conversation: conversations[with_]!.number, sender: mine ? me : person(with_), text };
      });
      if (searched) await until(async () => await isIndexed(client!), INDEX_LIMIT_MS);
    });
    if (searched) indexedPerSecond = (bulk - many) / took;
    context.say(`  ${Math.round(took)} s`);
  }
  await send(bulk, messages);
  open.close();
  const indexSeconds =
    searched || bulk === many
      ? await seconds(() => until(() => isFound(messages - 1), INDEX_LIMIT_MS))
      : undefined;

  // What it would have done by itself a minute later: no plan is to hang on when this was filled.
  await client!.query("analyze");
  await client!.end();
  return { me, http, conversations, indexSeconds, indexedPerSecond, close: http.close };
}
/** All of a person's conversations, in the order of the others' numbers, when there are so many. */
async function conversationsOf(
  http: Http,
  me: string,
  person: (n: number) => string,
  many: number,
): Promise<Conversation[]> {
  const found = new Map<string, Conversation>();
  // What was posted was queued, and is stored a moment later.
  await until(async () => {
    for (let cursor: string | null = ""; cursor !== null; ) {
      const page = await http.get(`/api/v1/chats/${me}?limit=100${cursor === "" ? "" : `&cursor=${cursor}`}`);
      const body = JSON.parse(page) as {
        chats: { conversation_id: string; participant: string }[];
        next_cursor: string | null;
      };
      for (const { conversation_id: spelling, participant } of body.chats)
        found.set(participant, { spelling, number: readId("conversation", spelling) as number });
      cursor = body.next_cursor;
    }
    return found.size === many;
  }, STORED_LIMIT_MS);
  return Array.from({ length: many }, (_, n) => found.get(person(n)) as Conversation);
}

/** Whether whoever follows has nothing left to do. */
async function isIndexed(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ done: boolean }>(
    "select not exists (select from moves) and not exists (select from follower_ranges) as done",
  );
  return rows[0]!.done;
}

/** The server takes it that another process fills the search index, and does not. */
async function leaveSearch(client: Client): Promise<void> {
  await client.query(
    "update followers set holder = 'bench', held_until = now() + interval '1 day' where consumer = 'search'",
  );
}

async function until(done: () => Promise<boolean>, milliseconds: number): Promise<void> {
  const limit = performance.now() + milliseconds;
  while (!(await done())) {
    if (performance.now() > limit) throw new Error(`not within ${milliseconds / 1_000} s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export function itemsOf(text: string): unknown[] {
  return (JSON.parse(text) as { data: { items: unknown[] } }).data.items;
}

/**
 * The database of a server under measurement, for baselines that ask it without the server.
 * @param plans whether each statement is planned for what it asks for: with one plan for all, a page from the depth of
 * the longest conversation took 25 times as long
 */
export async function openDatabase(
  running: Running,
  connections: number,
  plans: "force_custom_plan" | "force_generic_plan" = "force_custom_plan",
): Promise<Client[]> {
  const place = join(running.directory, "postgres", "postmaster.pid");
  const host = readFileSync(place, "utf8").split("\n")[4] as string;
  const clients = Array.from(
    { length: connections },
    () => new Client({ host, user: "parlance", database: "parlance", pipeline: true }),
  );
  await Promise.all(clients.map((client) => client.connect()));
  for (const client of clients) await client.query(`set plan_cache_mode = ${plans}`);
  return clients;
}

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readId } from "@parlance/protocol/ids.ts";
import { Client } from "pg";
import { type Http, openHttp } from "../generator/http.ts";
import type { Running } from "../peers/peer.ts";
import type { Context } from "./sample.ts";

/** One person's conversations, each with somebody else, and what was said in them. */
export type Library = {
  /** Who it is about, and their connections: with a token, and as the websocket dialect's REST has it. */
  me: string;
  http: Http;
  /** The websocket dialect's spelling of each, and the number that it stands for. The first has half of all messages. */
  conversations: { spelling: string; number: number }[];
  /** Seconds until the newest message was found by a search. */
  indexSeconds: number;
  close(): void;
};

/** Said in every message, in one of so many, and in none. */
export const COMMON = "common";
export const RARE = "rarely";
export const RARE_EVERY = 997;
export const ABSENT = "nowhere";
const VOCABULARY = 5_000;
const SENDERS = 48;

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

/** Fills a server through its front door: the queue dialect's POST makes a conversation on first use. */
export async function fillLibrary(context: Context, running: Running, tag: string): Promise<Library> {
  const { libraryConversations: many, libraryMessages: messages } = context.sizes;
  const me = `${context.seed}${tag}me`;
  const open = openHttp(running.port);
  const random = seeded(7);
  let next = 0;
  const say = async () => {
    for (let n = next++; n < messages; n = next++) {
      // One of each first, then every other one in the first.
      const with_ = n < many ? n : n % 2 === 0 ? 0 : Math.floor(random() * many);
      const other = `${context.seed}${tag}p${with_}`;
      const [sender_id, receiver_id] = n % 3 === 0 ? [me, other] : [other, me];
      await open.post("/api/v1/messages", { sender_id, receiver_id, content: textOf(random, n) });
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, say));

  const { token } = JSON.parse(await open.post("/api/dev/token", { user: me })) as { token: string };
  open.close();
  const http = openHttp(running.port, token);
  const from = performance.now();
  const newest = `/api/chat/search?query=n${messages - 1}&limit=1`;
  while (itemsOf(await http.get(newest)).length === 0)
    await new Promise((resolve) => setTimeout(resolve, 20));
  const indexSeconds = (performance.now() - from) / 1_000;

  // What it would have done by itself a minute later: no plan is to hang on when this was filled.
  const [client] = await openDatabase(running, 1);
  await client!.query("analyze");
  await client!.end();

  const conversations: Library["conversations"] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const page = await http.get(`/api/v1/chats/${me}?limit=100${cursor === "" ? "" : `&cursor=${cursor}`}`);
    const body = JSON.parse(page) as {
      chats: { conversation_id: string; participant: string }[];
      next_cursor: string | null;
    };
    for (const { conversation_id: spelling, participant } of body.chats) {
      const entry = { spelling, number: readId("conversation", spelling) as number };
      if (participant === `${context.seed}${tag}p0`) conversations.unshift(entry);
      else conversations.push(entry);
    }
    cursor = body.next_cursor;
  }
  if (conversations.length !== many) throw new Error(`${conversations.length} conversations, not ${many}`);
  return { me, http, conversations, indexSeconds, close: http.close };
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
